"""The study, one class as people and programs hold it in their hands; each method hands on to a module."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, overload

from trimtab import plugins
from trimtab.arrays import Floats
from trimtab.errors import ProblemError, SpaceError, StudyError
from trimtab.execute import protocol as execute
from trimtab.execute.command import Command
from trimtab.execute.trial import Trial
from trimtab.explain import Explained
from trimtab.ledger.cells import cells_of
from trimtab.ledger.event import Event, Grown
from trimtab.ledger.table import FAILED, SEARCH_SCORE, TAG, TrialTable, TrialView
from trimtab.schedule.found import Schedule, schedule_of
from trimtab.schedule.protocol import Halt
from trimtab.space.parameter import Parameter
from trimtab.space.preference import Preference
from trimtab.space.problem import Problem
from trimtab.space.space import Space
from trimtab.stop.budget import Budget
from trimtab.storage.url import files_dir
from trimtab.study import best, export
from trimtab.study.by_hand import ByHand
from trimtab.study.choice import chosen_row
from trimtab.study.diff import Diff, diff
from trimtab.study.dispatch import Dispatch
from trimtab.study.enqueue import put_in_line
from trimtab.study.listing import Listing
from trimtab.study.purse import changed, in_force, worth_last
from trimtab.study.session import Session
from trimtab.study.top import Standing, front, top
from trimtab.study.trials import Trials
from trimtab.text import visible

if TYPE_CHECKING:
    from trimtab.analysis.final import Final
    from trimtab.stop.outlook import Outlook
    from trimtab.study.advise import Tips
    from trimtab.study.learned import Lesson
    from trimtab.study.plot import Plots


class Study(Explained):
    """One problem and its log: ask it what to try, tell it what came of it, read what it knows.

    Made by `tune`, `create_study` and `load_study`. Safe to use from several threads, and any number of processes may
    have the same study open.

    Attributes:
        session: this process's hold on the log.
        dispatch: hands out trials.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.dispatch = Dispatch(session)
        self._by_hand = ByHand(session, self.dispatch)

    @property
    def name(self) -> str:
        """Its name in the store."""
        return self.session.journal.name

    @property
    def problem(self) -> Problem:
        """What is tuned; its space may grow."""
        return self.table.problem

    @property
    def space(self) -> Space:
        """What may be tried."""
        return self.table.space

    @property
    def table(self) -> TrialTable:
        """The trials as read-only columns, as far as this process has read the log."""
        return self.session.table

    def _still(self) -> TrialTable:
        """Return the table as it stands now, for what reads several columns: another thread may be telling."""
        with self.session.lock:
            return self.table.frozen()

    @property
    def trials(self) -> Trials:
        """The trials one by one, as far as this process has read the log: `study.trials[3]`, `for trial in ...`."""
        return Trials(self.table)

    def __repr__(self) -> str:
        table = self._still()
        n_failed = int((table.state == FAILED).sum())
        failed = f", {n_failed} failed" if n_failed else ""
        return f"<Study {self.name!r}: {len(table)} trials{failed}{self._found(table)}>"

    def _repr_html_(self) -> str:
        return plugins.drawn("study", self)

    def _found(self, table: TrialTable) -> str:
        """Return what the representation says of feasibility, and of the best trial or the front."""
        row, objectives = best.best_row(table), self.problem.objectives
        known = [ok for ok in best.feasible(table) if ok is not None]
        share = f", {sum(known)} of {len(known)} feasible" if self.problem.constraints and known else ""
        if row is None:
            return share
        if len(objectives) > 1:
            said = f"{share}, {len(best.front_rows(table))} on the front of {visible(best.goals(table))}"
            return f"{said}, preferred is trial {row}" if best.has_best(table) else said
        column = self.problem.metrics.index(objectives[0])
        found = self.final if best.final_row(table) is not None else None
        if found is not None:
            return f"{share}, final {visible(str(found))}"
        return f"{share}, best {visible(objectives[0].name)} = {table.y[row, column]:g} (trial {row})"

    def __enter__(self) -> Study:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        """Refuse to be pickled or copied: a study is one process's hold on a log.

        Raises:
            StudyError: always; the message says what to do instead.
        """
        url = self.session.store.url
        there = f"tt.load_study({url!r}, {self.name!r})"
        if files_dir(url) is None:  # it is in memory
            there = 'tt.load_study(store, name), of a study that was given a store="sqlite:///trimtab.db"'
        raise StudyError(
            f"study {self.name!r} cannot be pickled or copied, since it holds a connection and locks; pass its store "
            f"and its name instead, and open it where it is used: {there}."
        )

    def close(self) -> None:
        """Let go of the store. Safe to call twice."""
        self.session.close()

    # Ask and tell

    def ask(self, *, lease_s: float | None = None) -> Trial:
        """Return the next trial to run: one that waits (enqueued, or lost by its worker), else a new one.

        Args:
            lease_s: how many seconds the caller may be silent before the trial is given to another; for ever if None.

        Raises:
            WaitsError: the scheduler waits for a trial to end.
            TrialError: nothing is left to try (a finite space is exhausted).
            ProblemError: `lease_s` is no number of seconds.
        """
        return self._by_hand.ask(lease_s=lease_s)

    def tell(
        self,
        trial: int | Trial,
        result: object = None,
        *,
        failed: str | None = None,
        error: str = "",
        attempt: int | None = None,
        cost: float | None = None,
    ) -> None:
        """Put on record what came of a trial.

        Args:
            trial: the trial's number; or the trial that `ask` returned, whose attempt is then the one that speaks.
            result: a number, or a mapping of every declared metric to a number; more entries are kept as they are. Left
                out, of a trial that reported every fold: the mean over them; of one that a scheduler ended among its
                folds: it is stopped, with what it has of them.
                A metric that is nan or infinite makes the trial failed, of the kind "nan"; a constraint that is None
                was not measured.
            failed: instead of a result: how the trial failed, one of `FAILURE_KINDS`. One that was "lost" waits, and is
                handed out again as a new attempt.
            error: what happened, for people.
            attempt: the attempt that speaks, so that a superseded one is refused; the present one if None.
            cost: what the trial cost, if the result does not say so itself.

        Raises:
            TrialError: no such trial, or it does not run (it was told before, for instance), or is another study's.
            LateResultError: the attempt was superseded.
            ObjectiveError: the result cannot be read; the trial still runs and can be told again.
        """
        self._by_hand.tell(trial, result, failed=failed, error=error, attempt=attempt, cost=cost)

    def peek(self) -> TrialView:
        """Return the trial that `ask` would hand out now, and write nothing: it stays out of every budget.

        One that was not proposed before has the state "proposed", and the number that it would have.

        Raises:
            WaitsError: the scheduler waits for a trial to end.
            TrialError: nothing is left to try.
        """
        return self._by_hand.peek()

    def give_back(self, trial: int | Trial, reason: str = "", *, attempt: int | None = None) -> None:
        """Give a trial back that was asked for and not run: it waits in line again, and no budget counts it.

        One of which an earlier attempt was begun and lost goes on waiting for the next, and counts as before.

        Args:
            trial: the trial's number; or the trial that `ask` returned.
            reason: why, for people.
            attempt: the attempt that speaks, so that a superseded one is refused; the present one if None.

        Raises:
            TrialError: no such trial, or it does not run, or is another study's.
            LateResultError: the attempt was superseded.
        """
        self._by_hand.give_back(trial, reason, attempt=attempt)

    @overload
    def report(self, number: str | Path) -> None: ...
    @overload
    def report(
        self, number: int, step: float, reported: Mapping[str, object], *, attempt: int, fold: object = None
    ) -> Halt | None: ...
    def report(
        self,
        number: int | str | Path,
        step: float | None = None,
        reported: Mapping[str, object] | None = None,
        *,
        attempt: int | None = None,
        fold: object = None,
    ) -> Halt | None:
        """Write the study up; or, of a trial, put intermediate values on record, as `Trial.report` does.

        `study.report("report.html")` writes one file that opens anywhere without a network: what was asked, the answer
        with its honest figure, what mattered, what to do next, pictures, all trials, where it comes from. Its ending
        says how: .html, .md, or .pdf where Chromium is installed.

        With a trial's number it returns the scheduler's verdict on what was reported.

        Args:
            number: the file; or the trial.
            step: how far it is.
            reported: {metric: value}.
            attempt: which of its attempts speaks.
            fold: of which fold these are the values, counted from 0; None for the trial as a whole.

        Raises:
            TrialError: the trial does not run.
            LateResultError: the attempt was superseded.
            ObjectiveError: the step or a value is no number, or the fold is none.
            StudyError: the file cannot be written, or its ending says nothing.
        """
        if isinstance(number, str | Path):
            from trimtab.study.report import write  # imported when used: few processes write a study up

            write(self, number)
            return None
        if attempt is None:
            raise ProblemError(
                "study.report takes a file, as 'report.html'; of a trial, report with trial.report(...)."
            )
        return self._by_hand.report(number, step, reported, attempt=attempt, fold=fold)

    # Points, notes, tags, parameters

    def enqueue(
        self,
        params: Mapping[str, Any],
        *,
        note: str | None = None,
        once: bool = False,
        fidelity: Mapping[str, float] | None = None,
    ) -> int:
        """Put a configuration in line: it is handed out before anything new is proposed. Return its number.

        Args:
            params: values by name; parameters that are left out are chosen by the optimizer.
            note: why, for the record.
            once: whether to leave it if this configuration was put in line before, as a script that resumes wants.
            fidelity: how far to run it, by the fidelity's name; a whole run if left out, whatever the scheduler does.

        Raises:
            ParamsError: a value lies outside its parameter, or the point violates a constraint.
            ProblemError: there is no such fidelity, or it does not go that far.
        """
        return self.enqueue_all([params], note=note, once=once, fidelity=fidelity)[0]

    def enqueue_all(
        self,
        points: Iterable[Mapping[str, Any]],
        *,
        note: str | None = None,
        once: bool = False,
        fidelity: Mapping[str, float] | None = None,
    ) -> list[int]:
        """Put many configurations in line at once: all of them, or none where one is refused. Return their numbers.

        Args:
            points: as `enqueue` takes each.
            note: as there, as are the next two, for all of them.
            once: as there.
            fidelity: as there.

        Raises:
            ParamsError, ProblemError: as `enqueue`.
        """
        ends = self.problem.fidelity_of(fidelity)
        return put_in_line(self.dispatch, list(points), note or "enqueued", ends, once=once)

    def note(self, key: str, value: object, trial: int | None = None) -> None:
        """Write something down about a trial, or about the study: any JSON value; a later note of one key replaces it.

        What JSON cannot say is noted as text.

        Raises:
            TrialError: no such trial.
            ProblemError: a key of Trimtab's own.
        """
        self._by_hand.note(key, value, trial)

    def tag(self, trial: int, *tags: str, remove: bool = False) -> None:
        """Put tags on a trial, or take them off."""
        for tag in tags:
            self.note(f"{TAG}{tag}", not remove, trial)

    @property
    def budget(self) -> Budget | None:
        """What may be spent in all: what the last driver was told, or what was set since; None where nobody said."""
        with self.session.lock:
            return in_force(self.session.ledger)

    def set_budget(self, budget: Budget | int | None = None, **changes: Any) -> Budget:
        """Raise or lower the budget, and return it; drivers that run take it up at their next look.

        It is on record, and holds until another is set, or a driver is told to spend something else than before.

        Args:
            budget: the new one, as `tune` takes it; None to change single limits of the one there is.
            changes: these, as `trials=300`; None takes a limit away.

        Raises:
            ProblemError: it is no budget, or the study cannot be held to it.
        """
        made: list[Budget] = []

        def build() -> Sequence[Event]:
            before = in_force(self.session.ledger)
            if budget is not None:
                new = Budget.of(budget).changed(changes)
            else:
                new = Budget(**changes) if before is None else before.changed(changes)
            new = new.settled()
            new.check(self.problem)
            made.append(new)
            return changed(self.session.ledger, new)

        with self.session.lock:
            self.session.sync()
            self.session.commit(build)
        return made[-1]

    def add_parameter(self, name: str, parameter: Parameter) -> None:
        """Add one more parameter to the space; in the trials so far it was inactive.

        Raises:
            SpaceError: there is one of that name, or its condition cannot be meant.
        """

        def build() -> Sequence[Event]:
            self.space.with_parameter(name, parameter)
            if not self.session.ledger.may_grow():
                raise SpaceError(
                    f"{name!r} is one parameter too many for a study to grow by; begin a new study with it."
                )
            return [Grown(name, parameter.to_json())]

        with self.session.lock:
            self.session.sync()
            self.session.commit(build)

    # What was found

    @property
    def best(self) -> TrialView:
        """The best complete trial that met every constraint, among those that were run to the highest fidelity.

        Its `figure` says which of two its objective is: the search score, which is the luckiest of many where results
        are noisy, or, once the best were run again (see `final`), the winner's fresh run that is nearest to their mean.

        Raises:
            TrialError: there is none yet, and the message says why; or there are several objectives, of which
                `best_trials` and `choose` make something.
        """
        table = self._still()
        view, found = table.trial(best.require_best(table)), self.final
        is_fresh = found is not None and found.trial == view.number and not found.is_exact
        return replace(view, figure=f"a fresh run: {found}" if is_fresh else SEARCH_SCORE)

    @property
    def final(self) -> Final | None:
        """The winner of the last runs with its honest figures; None where the best were not run again since.

        `tune` does so where results are noisy, and `finalize` does it by itself.
        """
        from trimtab.analysis.final import final, is_last  # imported when used: most studies are searched

        table = self._still()
        return final(table) if is_last(table) else None

    def finalize(
        self,
        objective: Callable[[Trial], object] | Command,
        *,
        trials: int = 30,
        workers: int = 1,
        executor: str | execute.Executor | None = None,
        resources: execute.Resources | None = None,
        retries: int = 2,
        progress: Any = True,
    ) -> Final | None:
        """Run the best few and the default configuration again on fresh seeds, whatever is known of noise.

        It is what `tune` does at its end where results are noisy, for a study that was searched otherwise. The runs are
        trials on record. Where such runs were cut short, it goes on with those.

        Args:
            objective: as `tune` takes it: the one whose results are on record.
            trials: how many runs, on top of the trials there are; 6 at least.
            workers: how many run at once.
            executor: as `tune` takes it, as are the next three.
            resources: as there.
            retries: as there.
            progress: as there.

        Returns:
            what the study comes to; None where nothing could be run again, or what ran again gave the same to the bit
            before.

        Raises:
            ProblemError: there are several objectives, or too few trials.
            NoBestError: there is nothing to run again.
            StudyMismatchError: the objective is another one than that on record.
        """
        runs = import_module("trimtab.study.run_again")  # by name: it needs the driver, which needs a study
        found: Final | None = runs.run_again(
            self, objective, trials=trials, workers=workers, executor=executor, resources=resources, retries=retries,
            progress=progress,
        )  # fmt: skip
        return found

    def best_at(self, **fidelity: float) -> TrialView:
        """Return the best of the trials that were run to a fidelity, as `study.best_at(epoch=9)`.

        `best` compares those that were run furthest.

        Raises:
            TrialError: none is complete there, and the message says where there are some; or as `best`.
            ProblemError: there is no such fidelity, or it does not go that far.
        """
        table = self._still()
        return table.trial(best.require_best(table, table.problem.fidelity_of(fidelity)))

    def choose(
        self,
        *,
        knee: bool = False,
        weights: Mapping[str, float] | None = None,
        reference: Mapping[str, float] | None = None,
        order: Sequence[str] | str | None = None,
        within: Mapping[str, float | str] | None = None,
    ) -> TrialView:
        """Return the trial on the front that suits a preference best: of `best_trials`, by one of these ways.

        It is only chosen afterwards; what is tried next does not change: that goes by what `prefer=` said when the
        study was made, which also chooses here where no way is named. Objectives are compared by their share of the
        front's range, so that units do not matter.

        Args:
            knee: the trial farthest from the plane through the ends of the front (Das, 1999): beyond it, a little
                more of one objective costs much of another.
            weights: how much each objective counts, {"loss": 2}; 1 where left out. The least weighted distance from
                the best value of each, by the worst objective (Steuer & Choo, 1983).
            reference: a value of each objective to aim at: the trial that falls least short of it in its worst
                objective, or goes farthest beyond (Wierzbicki, 1980).
            order: names of objectives, the most important first: the best in the first, of those the best in the next.
            within: with `order`, what still counts as best: {"accuracy": "1%"} of the best value, or
                {"accuracy": 0.005} in its own unit.

        Raises:
            TrialError: no trial is complete and meets every constraint; the message says why.
            ProblemError: not exactly one way of choosing, no such objective, or a value that is none.
        """
        table = self._still()
        ways = {"knee": knee, "weights": weights, "reference": reference, "order": order, "within": within}
        is_said = knee or any(way is not None for way in list(ways.values())[1:])
        on_record = table.problem.preference
        preference = on_record if on_record is not None and not is_said else Preference(**ways)  # type: ignore[arg-type]
        return table.trial(chosen_row(table, preference))

    @property
    def worth(self) -> Outlook:
        """What going on would bring and cost: the odds, the curve of the best value, and all of it in a sentence.

        It is looked at until the end of the budget in force. Where that is used up, or there is none, for as many
        configurations again. Which gain counts, and what it is worth, is as the last `tune` was told; `outlook` asks by
        others. docs/worth.md says what the figures rest on.

        Example:
            ```python
            print(study.worth.sentence)
            if study.worth.chance is not None and study.worth.chance > 0.2:
                tt.tune(train, space, minimize="loss", budget=2 * len(study.table), store=study)
            ```
        """
        return self.outlook()

    def outlook(self, *, epsilon: float | None = None, worth: str | None = None) -> Outlook:
        """Return what going on would bring and cost, as `Study.worth`, by terms that are said here.

        Args:
            epsilon: the gain that counts, in the objective's unit; None for what the last `tune` was told.
            worth: what an improvement is worth, as "0.01 accuracy = 3 gpu_hours"; None likewise.

        Raises:
            ProblemError: epsilon is no number above 0, or the rate cannot be read or does not fit the study.

        Example:
            ```python
            print(study.outlook(worth="0.01 loss = 20 trials").pays)
            ```
        """
        from trimtab.stop.worth import Worth  # imported when used: what it reads takes some time to load

        with self.session.lock:
            ledger, table = self.session.ledger, self.table.frozen()
            rule = Worth.of_json(worth_last(ledger), in_force(ledger))
        if not rule.fits(table.problem):
            rule = replace(rule, rate=None)  # it was of the problem that this one was refined from
        if epsilon is not None:
            rule = replace(rule, epsilon=epsilon)
        if worth is not None:
            rule = replace(rule, rate=worth)
            rule.check(table.problem)
        return rule.outlook(table)

    @property
    def best_params(self) -> dict[str, Any]:
        """The parameters of the best trial.

        Raises:
            TrialError: as `best`.
        """
        return self.best.params

    @property
    def best_value(self) -> float:
        """The objective of the best trial, as it was told.

        Raises:
            TrialError: as `best`.
        """
        return self.best.metrics[self.problem.objectives[0].name]

    @property
    def best_trials(self) -> list[TrialView]:
        """The front: the complete, feasible trials to which no other is equal in every objective and superior in one.

        Compared where trials were run furthest, in the order of their numbers; empty if there are none.
        """
        table = self._still()
        return [table.trial(row) for row in best.front_rows(table).tolist()]

    @property
    def plot(self) -> Plots:
        """Questions about what is on record, each with an answer in a sentence, its data and a picture.

        Example:
            ```python
            study.plot.importance()  # in a notebook: shows itself
            print(study.plot.history().text())
            study.plot.effects(parameter="lr").save("lr.svg")
            ```
        """
        from trimtab.study.plot import Plots  # imported when used: most processes only run trials

        return Plots(self._still)

    @property
    def front(self) -> Listing[TrialView]:
        """`best_trials` sorted by the first objective, as a table: `study.front.to_pandas()`."""
        return front(self._still())

    def top(self, k: int = 10) -> Listing[Standing]:
        """Return the best `k` distinct configurations, each with its runs, their mean and its standard error.

        They stand in the order in which `best` prefers them; `study.top(10).to_pandas()` is a frame of them. With
        several objectives they are ranked by the first alone.

        Raises:
            TrialError: `k` is no whole number above 0.
        """
        return top(self._still(), k)

    def diff(self, a: int, b: int) -> Diff:
        """Return in which parameters two trials differ, in which not, and what came of each.

        Raises:
            TrialError: there is no such trial.
        """
        return diff(self._still(), a, b)

    def advice(self) -> Tips:
        """Return what the study suggests to do next, the most pressing first; empty where nothing stands out.

        Each piece says what was seen, how sure that is, and what follows: a command and a call. The rules are those of
        Godbole et al., Deep Learning Tuning Playbook, 2023; docs/advice.md has them all.
        """
        from trimtab.study.advise import tips  # imported when used: it brings the models along

        return tips(self._still(), self.name, self.session.store.url)

    @property
    def learned(self) -> tuple[Lesson, ...]:
        """What the study took from those that it learns from (`learn_from=`), and how far each is believed by now."""
        from trimtab.study.learned import learned  # imported when used

        return learned(self._still())

    def to_pandas(self, *, curves: bool = False) -> Any:
        """Return a pandas DataFrame, one row a trial; of `curves`, one row a reported value, in long form."""
        return export.to_pandas(self._still(), what="curves" if curves else "trials")

    def to_polars(self, *, curves: bool = False) -> Any:
        """Return a polars DataFrame, one row a trial; of `curves`, one row a reported value, in long form."""
        return export.to_polars(self._still(), what="curves" if curves else "trials")

    def curve(self, trial: int, fold: int | None = None) -> dict[str, Floats]:
        """Return what a trial reported: {"step": [r], metric: [r]}, metrics that were not declared among them.

        Steps are sorted. At each, a metric has the value that was reported for it last, nan where none was. An attempt
        replaces what attempts before it reported at the same step and at later ones.

        Args:
            trial: its number.
            fold: in which fold; None for what was reported for the trial as a whole. `table.curves.folds(trial)` says
                which folds there are.

        Raises:
            TrialError: no such trial.
        """
        number = self.table.trial(trial).number
        steps, metrics = self.table.curves.metrics(number, fold)
        return {"step": steps, **metrics}

    def folds(self, trial: int) -> dict[str, Any]:
        """Return what a trial gave in each of its folds: {"fold": [c], metric: [c]}.

        Folds are sorted; those that were not run, or reported with a step alone, are left out.

        Args:
            trial: its number.

        Raises:
            TrialError: no such trial.
        """
        folds, values = cells_of(self.table.curves, self.table.trial(trial).number)
        return {"fold": folds, **values}

    def schedule(self, trial: int) -> Schedule:
        """Return what a trial and those that it goes on with were run with: one configuration after the other.

        It is what population-based training finds; `tt.replay_schedule` trains along it anew.

        Example:
            ```python
            for stretch in study.schedule(study.best.number):
                print(f"{stretch.begin:g} to {stretch.end:g}: {stretch.params}")
            Path("schedule.json").write_text(json.dumps(study.schedule(study.best.number).to_json()))
            ```

        Args:
            trial: its number.

        Raises:
            TrialError: no such trial.
            ProblemError: there is no one fidelity by which steps are counted.
        """
        return schedule_of(self._still(), trial)

    def export(self, path: str | Path, *, curves: bool = False) -> None:
        """Write the trials to `path`; its ending says how: .csv, .parquet, .json or .jsonl.

        Args:
            path: the file.
            curves: whether to write what the trials reported instead: one row a value, with number, attempt, fold,
                step and metric.
        """
        export.write(self._still(), Path(path), what="curves" if curves else "trials")
