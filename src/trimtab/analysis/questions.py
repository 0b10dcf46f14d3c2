"""The questions that can be asked of a study, by name, in the order in which a report asks them."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, Final

from trimtab.analysis.card import Answer
from trimtab.errors import ProblemError
from trimtab.ledger.table import TrialTable
from trimtab.plugins import did_you_mean
from trimtab.space.problem import Problem

QUESTIONS: Final = {
    "history": "How did the best value come about?",
    "front": "What does one objective cost in another?",
    "importance": "Which parameters matter?",
    "path": "What made the best better than the default?",
    "effects": "What does each parameter do?",
    "contour": "How do two parameters act together?",
    "parallel": "Which configurations did well?",
    "distribution": "How good is a trial as a rule?",
    "curves": "How do trials learn?",
    "rungs": "What did early looks decide?",
    "cost": "What did it cost?",
    "timeline": "What were the workers doing?",
    "failures": "Where and why do trials fail?",
    "calibration": "Can the model be believed?",
    "worth": "Is more tuning worth it?",
}


def answer(question: str, problem: Problem, table: TrialTable, **options: Any) -> Answer:
    """Return the answer to a question.

    Args:
        question: its name.
        problem: what is tuned.
        table: what is on record; one that nothing changes meanwhile (`frozen`).
        options: as the question's function takes them.

    Raises:
        ProblemError: there is no such question, or no such metric.
        ParamsError: there is no such parameter.
    """
    if question not in QUESTIONS:
        known = ", ".join(QUESTIONS)
        raise ProblemError(f"there is no question {question!r}{did_you_mean(question, QUESTIONS)}; there are: {known}.")
    ask: Callable[..., Answer] = getattr(import_module(f"trimtab.analysis.{question}"), question)
    return ask(problem, table, **options)
