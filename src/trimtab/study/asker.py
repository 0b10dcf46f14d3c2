"""Asking aside: a thread in which a driver has its proposals made, so that reports need not wait for them.

One thread does it all: who asks while a proposal is made ahead gets that one.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar

from trimtab.study.dispatch import SLOW_S, Dispatch

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

T = TypeVar("T")


class Busy(Enum):
    """That an answer is not there yet."""

    BUSY = "busy"


BUSY: Final = Busy.BUSY
Answer: TypeAlias = T | Busy


class Asker:
    """Has one question answered at a time: at once where that is quick, else in a thread."""

    def __init__(self, dispatch: Dispatch) -> None:
        self._dispatch = dispatch
        self._pool: ThreadPoolExecutor | None = None
        self._answer: Future[object] | None = None
        self._ahead: Future[None] | None = None

    @property
    def is_busy(self) -> bool:
        """Whether a question was asked that has no answer yet, or whose answer nobody has taken."""
        return self._answer is not None

    def ask(self, question: Callable[[], T], *, aside: bool) -> Answer[T]:
        """Return the answer, or `BUSY` until it is there; the next call then asks for the same.

        What the question raises is raised here.

        Args:
            question: what is asked, if no question is being answered.
            aside: whether there is something to do meanwhile; without, it is waited for.
        """
        if self._answer is None:
            if not aside or self._dispatch.propose_s < SLOW_S:
                return question()
            self._answer = self._in_thread(question)
        if aside and not self._answer.done():
            return BUSY
        answer, self._answer = self._answer, None
        found: T = answer.result()  # type: ignore[assignment]  # it is the answer to that question
        return found

    def prepare(self, *, aside: bool) -> None:
        """Have the next proposal made ahead, where that is worth it: at once where that is quick, else in the thread.

        What went wrong in the thread is raised here the next time.

        Args:
            aside: as in `ask`.
        """
        if not aside or self._dispatch.propose_s < SLOW_S:
            self._dispatch.prepare()
        elif self._ahead is None:
            self._ahead = self._in_thread(self._dispatch.prepare)
        elif self._ahead.done():
            ahead, self._ahead = self._ahead, None
            ahead.result()
            self._ahead = self._in_thread(self._dispatch.prepare)

    def _in_thread(self, question: Callable[[], T]) -> Future[T]:
        from concurrent.futures import ThreadPoolExecutor  # imported when used: it takes longer than most asks

        self._pool = self._pool or ThreadPoolExecutor(1, thread_name_prefix="trimtab-asker")
        return self._pool.submit(question)

    def close(self) -> None:
        """Wait for what is being answered; nobody takes the answer any more. Safe to call twice."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
        self._pool = self._answer = self._ahead = None
