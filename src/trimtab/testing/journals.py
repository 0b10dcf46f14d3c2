"""The contract of stores and their journals, one since neither is tested without the other: tests for plugin authors.

    from trimtab.testing.journals import DurableStoreContract

    class TestMyStore(DurableStoreContract):
        @pytest.fixture
        def url(self, tmp_path):
            return f"mystore://{tmp_path}"

`JournalContract` is for every store; `DurableStoreContract` adds what a store must do that outlives its process: other
processes see it, write to it at the same time, and may be killed while they do.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from itertools import count

import pytest

from trimtab.errors import (
    ConflictError,
    EventError,
    StoreRewoundError,
    StudyError,
    StudyExistsError,
    StudyNotFoundError,
)
from trimtab.ledger.chain import EMPTY, Head
from trimtab.ledger.event import (
    FORMAT_VERSION,
    Asked,
    Assessed,
    Created,
    Event,
    Extended,
    Failed,
    Grown,
    Judged,
    Noted,
    Opened,
    Origin,
    Record,
    Remaining,
    Reported,
    Returned,
    Started,
    Stopped,
    Told,
)
from trimtab.storage.protocol import Store, StudyStore
from trimtab.storage.url import open_store

NAN = float("nan")


def sample_events() -> list[Event]:
    """Return events of every kind, with every field set somewhere; the first is `Created`."""
    problem = {"space": {"lr": {"type": "float", "low": 1e-5, "high": 0.1}}, "metrics": [{"name": "loss"}]}
    return [
        Created(FORMAT_VERSION, "résumé 研究", problem, 2**64 - 1, {"name": "sobol"}, {"name": "whole"}, {"git": None}),
        Opened({"host": "node-1", "argv": ["tune.py", "--fast"]}, {"name": "random"}),
        Asked(0, (0.1, 3.0, None), 2, Origin("user", "enqueued"), (27.0,), None, (0.1, None, None)),
        Asked(1, (0.1 + 0.2, 5e-324, -1.7976931348623157e308), 3, Origin("sobol")),
        Started(0, "node-1:4242", 1, 60.0),
        Reported(0, 1.0, {"loss": 0.5, "grad": "inf", "other": "nan"}),
        Reported(0, 2.0, {"loss": 0.5}, 1, 3),
        Judged(0, "worse than the median at step 2", 6, 1),
        Failed(0, "lost", "the worker fell silent", 1, again=True, seconds=12.5, cost=0.25),
        Started(0, "node-2:7", 2),
        Started(0, "node-2:7", 2, 60.0, "job 4711"),
        Told(0, {"loss": 0.25, "latency_ms": 30.0}, 2, 8.125, 1.5),
        Asked(2, (0.2, 3.0, None), 9, Origin("asha", "promoted"), (81.0,), 0, None, Remaining(3, 60.0, 0.5)),
        Stopped(2, "worse than half of the others at step 3", 1, {"loss": 0.75}, 3.0, 0.5),
        Failed(1, "exception", 'ValueError: "\\" is no\n\tpath\0', 1),
        Noted("tags", ["good", {"why": None, "n": 3}], 2),
        Noted("remark", "🚤 trim tab", None),
        Returned(5, "looked at", 2),
        Grown("momentum", {"type": "float", "low": 0.0, "high": 0.99}),
        Extended(2, (0.2, 3.0, None, 0.9), 17, Origin("random", "drawn at random"), 1),
        Assessed(
            stop=True,
            reason="the next trial costs more than it brings",
            rule="worth",
            expected_gain=0.01,
            gain_interval=(0.0, 0.02),
            next_cost=2.0,
        ),
    ]


class JournalContract:
    """What every store must do. Override the fixture `store`."""

    @pytest.fixture
    def store(self) -> Iterator[Store]:
        """Yield an empty store."""
        raise NotImplementedError(f"{type(self).__name__} needs a fixture `store` that yields an empty Store.")

    # ---- the journal

    def test_an_empty_log_has_no_head_and_no_records(self, store: Store) -> None:
        study = store.create("empty", [])
        assert study.head() == EMPTY
        assert list(study.read()) == []

    def test_events_of_every_kind_are_read_as_they_were_appended(self, store: Store) -> None:
        events = sample_events()
        study = store.create("all", events[:1], at=1.5)
        head = study.append(events[1:], after=study.head(), at=1700000000.1234567)
        assert head.seq == len(events)
        records = list(study.read())
        assert [record.event for record in records] == events
        assert [record.seq for record in records] == list(range(1, len(events) + 1))
        assert [record.at for record in records] == [1.5] + [1700000000.1234567] * (len(events) - 1)
        assert study.head() == head == (records[-1].seq, records[-1].link)

    def test_reading_on_starts_after_the_given_record(self, store: Store) -> None:
        study = store.create("on", notes(3))
        first, *_, third = heads(study)
        assert [record.seq for record in study.read(first)] == [2, 3]
        assert list(study.read(third)) == []
        fourth = study.append(notes(1), after=third, at=2.0)
        assert list(study.read(third)) == [Record(4, 2.0, notes(1)[0], fourth.link)]
        assert [record.seq for record in study.read(EMPTY)] == [1, 2, 3, 4]

    def test_a_long_log_keeps_its_order(self, store: Store) -> None:
        study = store.create("long", notes(9_000))
        study.append(notes(1_234), after=study.head(), at=5.0)
        read = [EMPTY, *heads(study)]
        for after in (0, 1, 511, 512, 513, 4_096, 8_999, 9_000, 10_000, 10_233, 10_234):
            found = [(record.seq, record.event.value) for record in study.read(read[after])]  # type: ignore[union-attr]
            expected = [(seq, seq - 1 if seq <= 9_000 else seq - 9_001) for seq in range(after + 1, 10_235)]
            assert found == expected

    @pytest.mark.parametrize("known", [0, 1])
    def test_an_append_after_another_record_than_the_last_is_refused(self, store: Store, known: int) -> None:
        study = store.create("contested", notes(2))
        with pytest.raises(ConflictError, match="contested"):
            study.append(notes(1), after=[EMPTY, *heads(study)][known], at=1.0)
        assert study.head().seq == 2
        assert study.append(notes(1), after=study.head(), at=1.0).seq == 3

    # ---- a log that is not the one that was read

    @pytest.mark.parametrize("longer", [1, 3, 1_000])
    def test_a_log_that_became_shorter_is_recognised(self, store: Store, longer: int) -> None:
        study, other = store.create("short", notes(5)), store.create("went on", notes(5), at=1.0)
        gone = other.append(notes(longer), after=other.head(), at=2.0)
        with pytest.raises(StoreRewoundError, match=rf"'short'.*up to record {5 + longer}: it ends with record 5 now"):
            study.append(notes(1), after=gone, at=3.0)
        with pytest.raises(StoreRewoundError, match="nothing was written; end every process"):
            next(study.read(gone), None)
        assert study.head().seq == 5

    def test_another_past_of_the_same_length_or_longer_is_recognised(self, store: Store) -> None:
        read, now = store.create("read", notes(3), at=1.0), store.create("now", notes(3), at=2.0)
        for n_more in (0, 1, 700):
            if n_more:
                now.append(notes(n_more), after=now.head(), at=3.0)
            before = now.head()
            with pytest.raises(StoreRewoundError, match=r"'now'.*its record 3 is another one now"):
                now.append(notes(1), after=read.head(), at=3.0)
            with pytest.raises(StoreRewoundError, match=r"'now'.*its record 3 is another one now"):
                next(now.read(read.head()), None)
            assert now.head() == before

    def test_a_link_stands_for_the_time_the_event_and_all_before_them(self, store: Store) -> None:
        first = store.create("a", notes(3), at=1.0)
        links = [
            first.head().link,
            store.create("b", notes(3), at=1.5).head().link,
            store.create("c", [*notes(2), Noted("n", 3)], at=1.0).head().link,
            store.create("d", [Noted("m", 0), *notes(3)[1:]], at=1.0).head().link,
            store.create("e", notes(2), at=1.0).head().link,
        ]
        assert len(set(links)) == len(links)
        assert store.create("f", notes(3), at=1.0).head() == first.head()
        assert [record.link for record in first.read()] == [head.link for head in heads(first)]

    def test_how_events_are_grouped_does_not_change_the_chain(self, store: Store) -> None:
        at_once, one_by_one = store.create("at once", notes(4), at=1.0), store.create("one by one", [], at=1.0)
        for note in notes(4):
            one_by_one.append([note], after=one_by_one.head(), at=1.0)
        assert heads(at_once) == heads(one_by_one)

    def test_a_group_is_appended_whole_or_not_at_all(self, store: Store) -> None:
        study = store.create("atomic", notes(1))
        with pytest.raises(EventError, match="finite"):
            study.append([*notes(3), Told(0, {"loss": NAN})], after=study.head(), at=1.0)
        assert study.head().seq == 1
        assert len(list(study.read())) == 1

    def test_appending_nothing_is_an_error(self, store: Store) -> None:
        study = store.create("nothing", notes(1))
        with pytest.raises(EventError, match="at least one"):
            study.append([], after=study.head(), at=1.0)

    def test_nan_is_null_in_rows_and_a_string_in_reports(self, store: Store) -> None:
        study = store.create("nan", [Asked(0, (NAN, 1.0), 0, Origin("user"), given=(NAN, 1.0))])
        study.append([Reported(0, 1.0, {"a": NAN, "b": float("inf"), "c": float("-inf")})], after=study.head(), at=1.0)
        asked, reported = (record.event for record in study.read())
        assert asked == Asked(0, (None, 1.0), 0, Origin("user"), given=(None, 1.0))
        assert reported == Reported(0, 1.0, {"a": "nan", "b": "inf", "c": "-inf"})

    @pytest.mark.parametrize(
        "text",
        ["", "\0", "\ud800 from a broken byte", "'; DROP TABLE event; --", "%s ? @ :x", "é研究🚤", "x" * 2_000_000],
        ids=["empty", "nul", "surrogate", "quotes", "placeholders", "unicode", "two megabytes"],
    )
    def test_any_text_survives(self, store: Store, text: str) -> None:
        study = store.create("text", [Failed(0, "exception", text)])
        [record] = study.read()
        assert record.event == Failed(0, "exception", text.replace("\ud800", "\\ud800"))

    def test_reading_and_appending_interleave(self, store: Store) -> None:
        study = store.create("both", notes(5))
        reader = study.read()
        first = next(reader)
        assert study.append(notes(1), after=study.head(), at=1.0).seq == 6
        assert [first.seq, *(record.seq for record in reader)][:5] == [1, 2, 3, 4, 5]

    def test_threads_append_without_losing_or_doubling(self, store: Store) -> None:
        study = store.create("threads", notes(1))
        errors: list[BaseException] = []

        def work(worker: str) -> None:
            try:
                append_with_retries(study, worker, 50)
            except BaseException as error:  # reported below, in the thread that can fail the test
                errors.append(error)

        threads = [threading.Thread(target=work, args=(f"thread {i}",)) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []
        check_appended(study, [f"thread {i}" for i in range(4)], 50)

    # ---- studies

    def test_studies_are_listed_in_the_order_of_their_creation(self, store: Store) -> None:
        assert store.studies() == []
        store.create("b", notes(2), at=10.0)
        store.create("a", notes(1), at=20.0)
        assert [(info.name, info.head, info.created_at) for info in store.studies()] == [("b", 2, 10.0), ("a", 1, 20.0)]

    def test_studies_do_not_touch_each_other(self, store: Store) -> None:
        one, two = store.create("one", notes(1)), store.create("two", notes(4))
        one.renew("w", [(1, 1)], 5.0)
        one.save_snapshot(1, b"one")
        assert one.append(notes(1), after=one.head(), at=1.0).seq == 2
        assert two.head().seq == 4
        assert two.leases() == {}
        assert two.load_snapshot() is None

    def test_a_study_can_be_opened_again(self, store: Store) -> None:
        known = store.create("known", notes(2))
        head = known.append(notes(1), after=known.head(), at=1.0)
        again = store.open("known")
        assert again.name == "known"
        assert again.head() == head
        assert again.append(notes(1), after=head, at=1.0).seq == 4

    def test_a_name_is_given_once(self, store: Store) -> None:
        store.create("taken", notes(2), at=0.0)
        with pytest.raises(StudyExistsError, match="'taken'"):
            store.create("taken", notes(2), at=0.0)
        assert store.open("taken").head().seq == 2

    def test_an_unknown_name_brings_the_nearest_and_the_list(self, store: Store) -> None:
        with pytest.raises(StudyNotFoundError, match="no study yet"):
            store.open("resnet")
        store.create("resnet-50", [])
        store.create("bert", [])
        with pytest.raises(StudyNotFoundError, match=r"did you mean 'resnet-50'\?.*resnet-50, bert"):
            store.open("resnet50")
        with pytest.raises(StudyNotFoundError, match="'nope'"):
            store.delete("nope")

    @pytest.mark.parametrize("name", ["", " ", "a ", "\n", "a\0b", "x" * 201, "\x1b[31m", "a\u2028b", "\ud800"])
    def test_a_name_that_cannot_be_one_is_refused(self, store: Store, name: str) -> None:
        with pytest.raises(StudyError, match="cannot be named"):
            store.create(name, [])
        assert store.studies() == []

    @pytest.mark.parametrize("name", ["é研究🚤", "a/b", "it's", '"', "%s", "?", "@", "x" * 200])
    def test_any_other_name_will_do(self, store: Store, name: str) -> None:
        store.create(name, notes(1))
        assert [info.name for info in store.studies()] == [name]
        assert store.open(name).head().seq == 1

    def test_a_failed_creation_leaves_no_study(self, store: Store) -> None:
        with pytest.raises(EventError):
            store.create("half", [*notes(2), Told(0, {"loss": NAN})])
        assert store.studies() == []
        assert store.create("half", notes(1)).head().seq == 1

    def test_a_renamed_study_is_the_same_under_another_name(self, store: Store) -> None:
        old = store.create("old", notes(2), at=1.0)
        store.create("other", notes(1), at=2.0)
        old.renew("w", [(0, 1)], 5.0)
        store.rename("old", "new é")
        assert [(info.name, info.head) for info in store.studies()] == [("new é", 2), ("other", 1)]
        head = old.append(notes(1), after=old.head(), at=3.0)  # who has it open goes on
        again = store.open("new é")
        assert (again.name, again.head(), again.leases()) == ("new é", head, {(0, 1): 5.0})
        assert [record.seq for record in again.read()] == [1, 2, 3]
        with pytest.raises(StudyNotFoundError, match="'old'"):
            store.open("old")
        assert store.create("old", notes(1)).head().seq == 1, "its name is free"

    def test_a_name_that_a_study_cannot_be_given(self, store: Store) -> None:
        store.create("one", notes(2))
        store.create("two", notes(1))
        store.rename("one", "one")
        with pytest.raises(StudyExistsError, match="'two'"):
            store.rename("one", "two")
        with pytest.raises(StudyNotFoundError, match="'three'"):
            store.rename("three", "four")
        with pytest.raises(StudyError, match="cannot be named"):
            store.rename("one", "\x1b[31m")
        assert [(info.name, info.head) for info in store.studies()] == [("one", 2), ("two", 1)]

    def test_a_deleted_study_is_gone_and_its_handle_useless(self, store: Store) -> None:
        old = store.create("gone", notes(2))
        known = [EMPTY, *heads(old)]
        old.renew("w", [(0, 1)], 5.0)
        old.save_snapshot(2, b"old")
        store.delete("gone")
        assert store.studies() == []
        with pytest.raises(StudyNotFoundError, match="deleted"):
            old.append(notes(1), after=known[2], at=1.0)
        new = store.create("gone", notes(1))
        assert [record.seq for record in new.read()] == [1]
        assert new.leases() == {}
        assert new.load_snapshot() is None
        for head in known:
            with pytest.raises(StudyNotFoundError, match="deleted"):
                old.append(notes(1), after=head, at=1.0)
        assert new.head().seq == 1

    def test_a_copy_has_the_records_of_the_original_at_their_times(self, store: Store) -> None:
        original = store.create("original", sample_events()[:2], at=1.5)
        original.append(sample_events()[2:], after=original.head(), at=2.5)
        copy = store.copy("copy", list(original.read()))
        assert list(copy.read()) == list(original.read())
        assert copy.append(notes(1), after=copy.head(), at=3.0).seq == len(sample_events()) + 1
        with pytest.raises(StudyExistsError, match="'copy'"):
            store.copy("copy", list(original.read()))
        with pytest.raises(StudyError, match="cannot be named"):
            store.copy("", [])
        assert store.copy("nothing", []).head() == EMPTY
        long = store.create("long", notes(2_345))
        assert list(store.copy("long copy", list(long.read())).read()) == list(long.read())

    def test_all_studies_are_read_together_short_ones_with_their_logs(self, store: Store) -> None:
        assert list(store.short_logs(5)) == []
        for name, n in (("three", 3), ("nine", 9), ("none", 0), ("five", 5)):
            store.create(name, notes(n), at=1.0)
        found = {log.info.name: log for log in store.short_logs(5)}
        assert [(name, log.info.head, log.error) for name, log in found.items()] == [
            ("three", 3, None),
            ("nine", 9, None),
            ("none", 0, None),
            ("five", 5, None),
        ]
        assert found["nine"].records is None
        for name in ("three", "none", "five"):
            assert found[name].records == list(store.open(name).read())
        assert [(study.name, study.head().seq) for study, _ in store.opened()] == [
            ("three", 3),
            ("nine", 9),
            ("none", 0),
            ("five", 5),
        ]

    # ---- leases and snapshots

    def test_leases_are_granted_prolonged_and_released(self, store: Store) -> None:
        study = store.create("leases", [])
        assert study.leases() == {}
        study.renew("w1", [(0, 1), (1, 1)], 10.5)
        study.renew("w2", [(2, 3)], 11.0)
        study.renew("w1", [(0, 1)], 20.25)
        assert study.leases() == {(0, 1): 20.25, (1, 1): 10.5, (2, 3): 11.0}
        study.release([(1, 1), (2, 1), (7, 7)])
        assert study.leases() == {(0, 1): 20.25, (2, 3): 11.0}
        study.renew("w1", [], 30.0)
        study.release([])
        assert study.leases() == {(0, 1): 20.25, (2, 3): 11.0}

    def test_leases_move_no_record(self, store: Store) -> None:
        study = store.create("quiet", notes(1))
        study.renew("w", [(0, 1)], 10.0)
        study.release([(0, 1)])
        assert study.append(notes(1), after=study.head(), at=1.0).seq == 2

    def test_thousands_of_leases_are_renewed_at_once(self, store: Store) -> None:
        study = store.create("many", [])
        holds = [(number, 1) for number in range(2_500)]
        study.renew("w", [*holds, holds[0]], 10.0)
        study.renew("w", holds, 20.0)
        assert study.leases() == dict.fromkeys(holds, 20.0)
        study.release(holds[:-1])
        assert study.leases() == {holds[-1]: 20.0}

    def test_the_latest_snapshot_is_kept(self, store: Store) -> None:
        study = store.create("snapshots", notes(3))
        assert study.load_snapshot() is None
        study.save_snapshot(2, b"two")
        study.save_snapshot(1, b"one, by a slow process")
        assert study.load_snapshot() == (2, b"two")
        large = bytes(range(256)) * 12_000
        study.save_snapshot(3, large)
        assert study.load_snapshot() == (3, large)

    # ---- the store

    def test_the_clock_tells_the_time(self, store: Store) -> None:
        before = store.now()
        assert abs(before - time.time()) < 5.0
        assert store.now() >= before - 0.01

    def test_a_healthy_store_has_nothing_wrong(self, store: Store) -> None:
        store.create("healthy", notes(2))
        findings = store.check()
        assert findings
        assert [finding for finding in findings if finding.level == "error"] == []

    def test_closing_twice_is_fine(self, store: Store) -> None:
        store.close()
        store.close()


class DurableStoreContract(JournalContract):
    """What a store must do besides that outlives the process. Override the fixture `url`."""

    n_processes = 6
    n_appends = 50
    n_kills = 3

    @pytest.fixture
    def url(self) -> str:
        """Return the URL of an empty store that other processes can open."""
        raise NotImplementedError(f"{type(self).__name__} needs a fixture `url` that names an empty store.")

    @pytest.fixture
    def store(self, url: str) -> Iterator[Store]:
        """Yield the store."""
        store = open_store(url)
        yield store
        store.close()

    def test_everything_is_there_after_opening_again(self, store: Store, url: str) -> None:
        events = sample_events()
        study = store.create("kept", events, at=3.5)
        study.renew("w", [(0, 1)], 9.5)
        study.save_snapshot(4, b"blob")
        store.close()
        again = open_store(url)
        try:
            kept = again.open("kept")
            assert [record.event for record in kept.read()] == events
            assert kept.leases() == {(0, 1): 9.5}
            assert kept.load_snapshot() == (4, b"blob")
        finally:
            again.close()

    def test_a_closed_store_opens_itself_when_it_is_used(self, store: Store) -> None:
        study = store.create("reopened", notes(1))
        store.close()
        assert study.append(notes(1), after=study.head(), at=1.0).seq == 2

    def test_two_openings_see_each_other(self, store: Store, url: str) -> None:
        other_store = open_store(url)
        try:
            one = store.create("shared", notes(1))
            two = other_store.open("shared")
            begin = one.head()
            third = two.append(notes(2), after=begin, at=1.0)
            with pytest.raises(ConflictError):
                one.append(notes(1), after=begin, at=1.0)
            assert [record.seq for record in one.read(begin)] == [2, 3]
            assert one.append(notes(1), after=third, at=1.0) == two.head()
        finally:
            other_store.close()

    def test_processes_append_without_losing_or_doubling(self, store: Store, url: str) -> None:
        store.create("crowd", notes(1))
        workers = [f"process {i}" for i in range(self.n_processes)]
        run_all([start("append", url, "crowd", worker, str(self.n_appends)) for worker in workers])
        check_appended(store.open("crowd"), workers, self.n_appends)

    def test_of_many_processes_one_creates(self, store: Store, url: str) -> None:
        answers = run_all([start("create", url, "first", f"process {i}") for i in range(4)])
        assert sorted(answers) == ["created", "exists", "exists", "exists"]
        assert store.open("first").head().seq == 3

    def test_a_fork_leaves_both_sides_working(self, store: Store, url: str) -> None:
        begin = store.create("forked", notes(1)).head()
        run_all([start("fork", url, "forked")])
        values = [record.event.value for record in store.open("forked").read(begin)]  # type: ignore[union-attr]
        assert values == ["before", "child", "parent"]

    def test_what_a_killed_writer_was_promised_is_on_record(self, store: Store, url: str) -> None:
        study = store.create("killed", notes(1))
        head = study.head()
        for round_ in range(self.n_kills):
            writer = start("append", url, "killed", f"writer {round_}", "1000000")
            assert writer.stdout is not None
            # A different number of appends each round, and a different moment within the next one.
            promised = [int(writer.stdout.readline()) for _ in range(1 + 7 * round_ % 40)]
            time.sleep(0.0003 * (round_ % 11))
            os.kill(writer.pid, signal.SIGKILL)
            promised += [int(line) for line in writer.stdout.read().splitlines(keepends=True) if line.endswith("\n")]
            writer.stdout.close()
            writer.wait()
            # A server may still be at work on the dead writer's last append; after ours it can be on record no more.
            append_with_retries(study, "survivor", 1)
            *records, last = study.read(head)
            assert [record.seq for record in records] == list(range(head.seq + 1, head.seq + 1 + len(records)))
            assert [record.event for record in records] == [Noted(f"writer {round_}", i) for i in range(len(records))]
            assert last.event == Noted("survivor", 0)
            assert promised == list(range(head.seq + 1, promised[-1] + 1))
            # One more may be on record than was promised: the one whose answer the kill cut off.
            assert promised[-1] <= head.seq + len(records) <= promised[-1] + 1
            head = Head(last.seq, last.link)


def notes(n: int) -> list[Event]:
    """Return `n` small events, told apart by their values 0, 1, ..."""
    return [Noted("n", i) for i in range(n)]


def heads(study: StudyStore) -> list[Head]:
    """Return where the log ended after each of its records."""
    return [Head(record.seq, record.link) for record in study.read()]


def append_with_retries(study: StudyStore, worker: str, n: int) -> None:
    """Append `n` notes of `worker`, one by one, reading on after each conflict."""
    for _ in appending(study, worker, n):
        pass


def appending(study: StudyStore, worker: str, n: int) -> Iterator[int]:
    """Append `n` notes of `worker`, one by one, reading on after each conflict; yield the number of each record."""
    head = study.head()
    for i in range(n):
        while True:
            try:
                head = study.append([Noted(worker, i)], after=head, at=float(i))
                break
            except ConflictError:
                for record in study.read(head):
                    head = Head(record.seq, record.link)
        yield head.seq


def check_appended(study: StudyStore, workers: Sequence[str], n: int) -> None:
    """Check that the log holds, after its first record, exactly `n` notes of each worker, each worker's in order."""
    seen = {worker: count() for worker in workers}
    records = list(study.read())
    assert [record.seq for record in records] == list(range(1, 2 + n * len(workers)))
    for record in records[1:]:
        event = record.event
        assert isinstance(event, Noted)
        assert event.value == next(seen[event.key])


def start(task: str, *args: str) -> subprocess.Popen[str]:
    """Start a Python process that runs one of the tasks of this module."""
    code = f"import sys; from trimtab.testing import journals; journals.task_{task}(*sys.argv[1:])"
    return subprocess.Popen([sys.executable, "-c", code, *args], stdout=subprocess.PIPE, text=True)


def run_all(processes: Sequence[subprocess.Popen[str]]) -> list[str]:
    """Return what processes that run at the same time print, once all have ended well."""
    answers = [process.communicate(timeout=240)[0].strip() for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes)
    return answers


def task_append(url: str, name: str, worker: str, n: str) -> None:
    """In another process: append, and print the number of each record as soon as it is promised."""
    for seq in appending(open_store(url).open(name), worker, int(n)):
        print(seq, flush=True)


def task_create(url: str, name: str, worker: str) -> None:
    """In another process: create a study, and print how it went."""
    try:
        open_store(url).create(name, [Noted(worker, i) for i in range(3)])
        print("created")
    except StudyExistsError:
        print("exists")


def task_fork(url: str, name: str) -> None:
    """In another process: append, fork, append in the child, then in the parent."""
    study = open_store(url).open(name)
    study.append([Noted("n", "before")], after=study.head(), at=1.0)
    child = os.fork()
    if child == 0:
        study.append([Noted("n", "child")], after=study.head(), at=1.0)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    study.append([Noted("n", "parent")], after=study.head(), at=1.0)
    sys.exit(os.waitstatus_to_exitcode(status))
