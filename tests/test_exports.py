"""The public names, pinned: a name that goes is a breaking change, and one that comes is a promise."""

import trimtab

PUBLIC = [
    "Budget",
    "Categorical",
    "Command",
    "Fidelity",
    "Final",
    "Float",
    "Int",
    "Metric",
    "Ordinal",
    "Preference",
    "Problem",
    "Resources",
    "Schedule",
    "Space",
    "Study",
    "Trial",
    "TrialStopped",
    "TrialTable",
    "TrialView",
    "at_least",
    "at_most",
    "compare",
    "create_study",
    "errors",
    "given",
    "integrations",
    "load_study",
    "maximize",
    "minimize",
    "nested_score",
    "refine",
    "replay_schedule",
    "report",
    "spaces",
    "this_trial",
    "tune",
]


def test_the_public_names_are_these() -> None:
    assert trimtab.__all__ == PUBLIC


def test_the_names_are_sorted_as_a_reader_sorts_them() -> None:
    assert sorted(PUBLIC) == PUBLIC


def test_every_name_exists_and_says_what_it_is() -> None:
    assert [name for name in PUBLIC if not (getattr(trimtab, name).__doc__ or "").strip()] == []


def test_nothing_else_is_public() -> None:
    own = {
        name for name, value in vars(trimtab).items() if not name.startswith("_") and type(value).__name__ != "module"
    }
    assert own <= set(PUBLIC)
