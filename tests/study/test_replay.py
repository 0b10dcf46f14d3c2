from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import pytest
import threadpoolctl

import trimtab as tt
from trimtab import plugins
from trimtab.errors import ReplayError
from trimtab.ledger import codec, snapshot
from trimtab.ledger.event import Asked, Opened, Record
from trimtab.ledger.ledger import Ledger
from trimtab.numerics import arithmetic
from trimtab.optim.random import Random
from trimtab.optim.sobol import Sobol
from trimtab.study import provenance
from trimtab.study.replay import Replayed, replay
from trimtab.testing.simulation import PROBLEMS, Simulation, plain_history, rough_history


def altered(records: Sequence[Record], number: int, **fields: object) -> list[Record]:
    """Return the log with other words about how a trial was asked for."""
    changed = []
    for record in records:
        if isinstance(record.event, Asked) and record.event.number == number:
            record = msgspec.structs.replace(record, event=msgspec.structs.replace(record.event, **fields))
        changed.append(record)
    return changed


def test_a_log_replays_to_the_bit():
    run = Simulation(PROBLEMS["branches"], Sobol(), seed=3)
    plain_history(run, 8)
    assert replay(run.records) == Replayed(len(run.records), 8, 0, ())


@pytest.mark.parametrize("name", plugins.names("optimizers"))
def test_so_does_one_in_which_everything_happened(name):
    run = Simulation(PROBLEMS["conditions and constraints"], plugins.load("optimizers", name)(), seed=5)
    rough_history(run, 16, seed=1)
    replayed = replay(run.records)
    assert replayed.differing == ()
    assert replayed.given > 0
    assert replayed.suggestions + replayed.given == len(run.table)


def test_a_suggestion_that_was_altered_is_found():
    run = Simulation(PROBLEMS["log"], Random())
    plain_history(run, 5)
    x = run.table.x[2].tolist()
    replayed = replay(altered(run.records, 2, x=(float(np.nextafter(x[0], 1)), x[1])))
    assert replayed.differing == (2,)
    with pytest.raises(ReplayError, match=r"1 of 5 .* first that of trial 2: this log does not say with what it was"):
        replayed.require_equal()


def test_another_seed_is_found():
    run = Simulation(PROBLEMS["log"], Random(), seed=1)
    plain_history(run, 3)
    first = run.records[0]
    other = msgspec.structs.replace(first, event=msgspec.structs.replace(first.event, seed=2))
    assert replay([other, *run.records[1:]]).differing == (0, 1, 2)


def test_a_fidelity_that_was_altered_is_found():
    run = Simulation(PROBLEMS["fidelity"], Random())
    plain_history(run, 2)
    assert replay(altered(run.records, 1, fidelity=(3.0,))).differing == (1,)


def test_what_a_user_put_in_line_is_not_recomputed():
    run = Simulation(PROBLEMS["log"], Random())
    run.enqueue(run.problem.space.sample(np.random.default_rng(0), 1)[0])
    plain_history(run, 2)
    assert (replay(run.records).suggestions, replay(run.records).given) == (2, 1)


def old_log() -> list[Record]:
    """Return a log of version 0.1.0, in which the ends of logarithmic ranges are off by a rounding error."""
    path = Path(__file__).parents[1] / "golden" / "journal-v1-log-ends.jsonl"
    return [codec.decode_record(line) for line in path.read_bytes().splitlines()]


def test_a_log_from_before_the_ends_were_exact_replays_to_the_bit():
    records = old_log()
    assert not records[0].event.exact_ends
    assert sum(isinstance(r.event, Asked) and r.event.x[0] == 0.010000000000000004 for r in records) == 7
    replayed = replay(records)
    if (
        replayed.differing
    ):  # NumPy's exponential has other last bits on processors without AVX-512, where it was written
        assert not any(name in arithmetic.description() for name in ("X86_V4", "AVX512"))
    else:
        assert replayed == Replayed(len(records), 24, 0, ())
    exact = msgspec.structs.replace(records[0], event=msgspec.structs.replace(records[0].event, exact_ends=True))
    assert len(replay([exact, *records[1:]]).differing) >= 2, "it is the mark in the log that makes the difference"


def test_a_snapshot_keeps_what_the_ends_of_its_log_are():
    first, *rest = old_log()
    ledger = Ledger.begin(first)
    for record in rest[:20]:
        ledger.apply(record)
    restored = snapshot.load(snapshot.save(ledger))
    low = np.zeros(3)
    for table in (ledger.table, restored.table):
        assert table.space.from_unit(low)[0] == 0.010000000000000004
        assert table.space.fix(n=3).from_unit(low)[0] == 0.010000000000000004
    exact = Ledger.begin(msgspec.structs.replace(first, event=msgspec.structs.replace(first.event, exact_ends=True)))
    assert snapshot.load(snapshot.save(exact)).table.space.from_unit(low).tolist() == [0.01, 1e-5, 1.0]


# Other arithmetic

CORES = ("Haswell", "SkylakeX", "Prescott")
"""Kinds of processor that OpenBLAS has kernels for, and can be told to compute for where it runs on a later one."""


@pytest.fixture(scope="module")
def log_of_a_model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A store with a study that a process proposed."""
    url = f"sqlite:///{tmp_path_factory.mktemp('replay') / 'store.db'}"
    space = tt.Space(**{name: tt.Float(0, 1) for name in "abcd"})
    with tt.create_study(space, minimize="loss", seed=3, store=url, name="s") as study:
        for _ in range(40):
            trial = study.ask()
            study.tell(trial, sum((value - 0.3) ** 2 for value in trial.params.values()))
    return url


def replayed_with(url: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "trimtab.surfaces.cli", "replay", "s", "--store", url],
        env=os.environ | environment, capture_output=True, text=True,
    )  # fmt: skip


@pytest.mark.parametrize("threads", ["1", "2", "8"])
def test_a_log_replays_where_blas_has_another_number_of_threads(log_of_a_model: str, threads: str) -> None:
    done = replayed_with(log_of_a_model, OPENBLAS_NUM_THREADS=threads)
    assert done.returncode == 0, done.stderr
    assert "all the same, bit for bit" in done.stdout


@pytest.mark.parametrize("core", CORES)
def test_a_log_replays_on_another_kind_of_processor_or_says_why_not(log_of_a_model: str, core: str) -> None:
    """OpenBLAS has kernels for each kind, whose sums differ in their last bits."""
    done = replayed_with(log_of_a_model, OPENBLAS_CORETYPE=core)
    here = {entry.get("architecture") for entry in threadpoolctl.threadpool_info()}
    if done.returncode == -signal.SIGILL:
        return  # this processor lacks instructions of that kind
    if done.returncode:
        assert core not in here, "the same kind of processor computes the same"
        computed, _, told = done.stderr.partition("; here is ")
        assert "suggestions differ from the log, first that of trial" in computed
        assert f"this log was computed with trimtab {tt.__version__}, numpy {np.__version__}" in computed
        assert told.startswith(f"trimtab {tt.__version__}, numpy {np.__version__}")
        assert told.strip(" .\n") not in computed, "what differs is named; an unknown kind has a name of OpenBLAS's own"


def test_a_log_that_differs_without_a_cause_names_what_both_have() -> None:
    run = Simulation(PROBLEMS["log"], Random(), seed=1)
    run.add(Opened(provenance.versions()))
    plain_history(run, 3)
    x = run.table.x[2].tolist()
    replayed = replay(altered(run.records, 2, x=(float(np.nextafter(x[0], 1)), x[1])))
    with pytest.raises(ReplayError, match=r"both were computed with .*, so the optimizer is not the one"):
        replayed.require_equal()


def test_a_log_of_several_versions_names_them_all() -> None:
    run = Simulation(PROBLEMS["log"], Random(), seed=1)
    for version in ("7.0", "8.0", "7.0"):
        run.add(Opened({"trimtab": version, "arithmetic": "numpy 9.9"}))
    plain_history(run, 1)
    x = run.table.x[0].tolist()
    replayed = replay(altered(run.records, 0, x=(float(np.nextafter(x[0], 1)), x[1])))
    with pytest.raises(ReplayError, match=r"with trimtab 7.0, numpy 9.9; and with trimtab 8.0, numpy 9.9; here is"):
        replayed.require_equal()
