"""A search with cross-validation for scikit-learn; `trimtab.integrations.sklearn` has its public names."""
