"""What an optimizer is: state folded from the log, and an ask that changes nothing.

`row` is everywhere the number of a trial, and so its place in every column of the table: trial 7 is `table.x[7]`,
`table.state[7]`, `table.losses()[7]`. Letters: N rows, D parameters, M metrics, F fidelities.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar, runtime_checkable

from trimtab.arrays import Floats, Ints, Rng
from trimtab.ledger.event import Remaining
from trimtab.space.problem import Problem

if TYPE_CHECKING:
    from trimtab.ledger.table import TrialTable

S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Request:
    """What is wanted of one ask.

    Attributes:
        n: how many rows, at least 1. A study asks for one at a time; others, the contract for one, ask for several.
        rng: the generator of the first of the n trials, `rng_at(seed, number)`, made anew for each ask: the only source
            of chance.
        number: the number that the first of the n trials will have, which is `len(table)`: trials that wait, run,
            failed or were enqueued are counted as all others. Of a proposal that comes too late, since another trial
            took the number meanwhile, nothing is put on record.
        given: [D] values that are fixed beforehand in the parameters' own units, nan where free; None when all are.
            Every row must have them, but for those of parameters that are inactive in it.
        fidelity: [F] the fidelity up to which the rows will be run, each in its own unit; None when the problem has
            none. It is the scheduler's choice, and differs from trial to trial.
        seed: the study's seed, for what belongs to all trials together, such as the scrambling of a sequence.
        remaining: what is left of the budget before this trial: trials, seconds, cost in the unit of the cost metric;
            None where nobody counts (ask and tell). With an exchange rate, `must_gain` says what has to come of
            what is spent. It is on record, so that a replay has the same.
    """

    n: int
    rng: Rng
    number: int
    given: Floats | None = None
    fidelity: Floats | None = None
    seed: int = field(kw_only=True)
    remaining: Remaining | None = None


@dataclass(frozen=True, slots=True)
class Proposal:
    """What an ask returns.

    Attributes:
        x: [m, D] float64, rows in the parameters' own units, nan where inactive; m < n means that nothing else is left
            to try, and m = 0 ends the study. Categoricals and ordinals are places in their choices: `Space.encode`,
            `from_unit` and `sample` make such rows.
        by: the engine that proposed, for the record; not empty.
        why: one clause a person can read, one per row or one for all.
    """

    x: Floats
    by: str
    why: str | tuple[str, ...] = ""

    def reason(self, i: int) -> str:
        """Return why row i is proposed."""
        return self.why if isinstance(self.why, str) else self.why[i]


@runtime_checkable
class Optimizer(Protocol[S]):
    """An algorithm that says what to try next. No base class is needed.

    **Life cycle.** The study calls `init` before the first proposal, and from then on `tell` for every trial that is
    over, in the order in which they ended (`table.order`), each once. That happens right before an `ask`, not when the
    trial ends: the table may have gone on. `init` begins again from nothing, and all trials are told again, when the
    study is opened by another process, when its space has grown (unless the optimizer `Grows`), when a replay
    recomputes a suggestion, and after a method has raised.

    **What is kept where.** The object holds its settings alone, which no method changes: one object may serve several
    studies. What was learned is in the state, which is made of what `init` and `tell` were given and nothing else. It
    can be pickled. Arrays of the table are views of buffers that grow: copy what the state keeps. What is derived from
    the state at a cost may be kept along with it, as long as asking for it first or second makes no difference.

    **Threads.** One method is called at a time for one study, but not always in the same thread: a driver asks in a
    thread of its own while it takes in reports. What an `ask` computes from is not changed meanwhile: where asking
    takes longer than 2 ms, the table is a copy (`TrialTable.frozen`). Objects that belong to one thread have no place
    in the state.

    **Errors.** What a method raises reaches whoever asked: `study.ask`, or `tune`, which then ends. Nothing is put on
    record. A proposal that cannot be, one outside of the space for instance, is refused with a `PluginError`.

    `trimtab.testing.optimizers.OptimizerContract` holds all of this as tests.
    """

    def init(self, problem: Problem) -> S:
        """Return the state before the first trial.

        Args:
            problem: the space, the metrics in the order of the table's columns M, and the fidelities in that of F.
        """
        ...

    def tell(self, state: S, table: TrialTable, row: int) -> S:
        """Return the state once trial `row` is over: complete, failed or stopped (`table.state[row]`).

        Reads no row but this one: what others hold by then differs from one telling to the next. `table.losses()[row]`
        are the M metrics, of which smaller is better; nan where there is none, as of most trials that failed or were
        stopped. A metric with a `bound` is a constraint and no objective. `table.fidelity[row]` says how far it was
        run: what another fidelity gave is another measure.

        Args:
            state: what came of the trials told before; it may be changed and returned.
            table: all that is on record, perhaps more than there was when the trial ended.
            row: the trial.
        """
        ...

    def ask(self, state: S, table: TrialTable, request: Request) -> Proposal:
        """Return what to try next; change neither state nor table.

        A function of its arguments: the same log gives the same rows to the bit, whatever was asked before, and whether
        or not the answer was used. Unlike `tell` it may read the whole table: trials that wait or run among it, whose
        results nobody knows yet.

        Args:
            state: what came of all trials that are over.
            table: all that is on record.
            request: how many rows, with which values, by which generator.
        """
        ...

    def to_json(self) -> dict[str, object]:
        """Return {"name": the registered name, **options}, JSON all of it, from which an equal is made again.

        That is, `plugins.load("optimizers", name)(**options)`. Without a name the log has its place, `module:Class`.
        """
        ...


@runtime_checkable
class Grows(Protocol[S]):
    """An optimizer that keeps what it learned when the space learns a parameter; without this method it begins anew.

    The study then calls `init` with the problem as it was at first, `tell` for the trials that were over before the
    space grew, `grow`, `tell` for those that ended later, and so on for every growth: the same calls whether the
    optimizer was at work all along, or the study is opened again. Until `grow` the table is that of the space before.
    """

    def grow(self, state: S, table: TrialTable, rows: Ints) -> S:
        """Return the state once the space has one more parameter, its last.

        As `tell` it reads no rows but those it is given. In them the new column of `table.x` is nan: the parameter was
        inactive.

        Args:
            state: what came of the trials told before, in the space without the parameter; it may be changed and
                returned.
            table: all that is on record, with the new space; perhaps more than there was when it grew.
            rows: [K] the trials that were told, in that order.
        """
        ...


@runtime_checkable
class Learns(Protocol):
    """An optimizer that learns from earlier studies: from `table.past`, which stands in the study's first record.

    It proposes `table.portfolio` itself. Of all others that is put in line when the study is created.
    """

    def learns(self, problem: Problem) -> bool:
        """Return whether it does so of this problem."""
        ...


AnyOptimizer: TypeAlias = Optimizer[Any]
"""An optimizer whose state is nobody's business but its own: whoever calls it passes on what it returned."""
