"""Trimtab tunes the hyperparameters of complex, large-scale machine-learning models."""

__version__ = "0.1.0"
