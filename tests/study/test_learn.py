"""Learning from past studies: what is taken, from which, how it is said, and a log that needs them no more."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import trimtab as tt
from trimtab.arrays import rng_at
from trimtab.errors import ProblemError, StoreCorruptError, StudyMismatchError, StudyNotFoundError
from trimtab.ledger import snapshot
from trimtab.ledger.codec import decode_record, encode_record
from trimtab.ledger.ledger import Ledger
from trimtab.optim.gp import Gp
from trimtab.optim.protocol import Request
from trimtab.study.replay import replay

SPACE = tt.Space(lr=tt.Float(1e-5, 1.0, log=True), width=tt.Int(8, 512, log=True), act=tt.Categorical(["relu", "gelu"]))


def loss(params: dict[str, Any], at: float = -2.0) -> float:
    bad = 0.3 if params.get("act") == "gelu" else 0.0
    return float((np.log10(params["lr"]) - at) ** 2 + 0.2 * (np.log2(params.get("width", 64)) - 6.0) ** 2) + bad


def study(
    n: int,
    name: str = "past",
    objective: Callable[[dict[str, Any]], float] = loss,
    space: tt.Space = SPACE,
    **options: Any,
) -> tt.Study:
    """Return a study of random configurations."""
    options = {"minimize": "loss", "optimizer": "random", "seed": 3, "name": name} | options
    made = tt.create_study(space, **options)
    for _ in range(n):
        trial = made.ask()
        try:
            made.tell(trial.number, objective(trial.params))
        except ZeroDivisionError:
            made.tell(trial.number, failed="exception")
    return made


def goes_on(made: tt.Study, n: int, objective: Callable[[dict[str, Any]], float] = loss) -> list[str]:
    whys = []
    for _ in range(n):
        trial = made.ask()
        whys.append(made.table.trial(trial.number).why)
        made.tell(trial.number, objective(trial.params))
    return whys


def begun(learn_from: Any, space: tt.Space = SPACE, **options: Any) -> tt.Study:
    options = {"minimize": "loss", "seed": 1, "name": "next"} | options
    return tt.create_study(space, learn_from=learn_from, **options)


def replays(made: tt.Study) -> bool:
    with contextlib.suppress(AttributeError):
        found = replay(made.session.journal.read())
        return not found.differing
    return False


def test_a_study_begins_with_the_default_and_what_did_well_and_its_log_replays() -> None:
    past = study(40)
    following = begun(past)
    whys = goes_on(following, 8)
    assert "default" in whys[0]
    assert "did well in past, where it was trial" in whys[1]
    assert any("learns from past" in why for why in whys[2:])
    assert following.best_value < 0.5 * min(loss(trial.params) for trial in list(past.trials)[:8])
    assert replays(following)
    [lesson] = following.learned
    assert (lesson.study, lesson.metric, lesson.n_over, lesson.n_taken) == ("past", "loss", 40, 40)
    assert lesson.first
    assert lesson.believed is not None
    assert lesson.believed > 0.5


def test_the_log_needs_the_past_study_no_more(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/s.db"
    study(30, store=url).close()
    with begun("past", store=url) as following:
        goes_on(following, 5)
        following.session.store.delete("past")
    with tt.load_study(url, "next") as again:
        assert goes_on(again, 2)
        assert replays(again)
        ledger = again.session.ledger
        restored = snapshot.load(bytes(snapshot.save(ledger)))
        assert restored is not None
        assert restored.table.past == ledger.table.past
        assert restored.table.portfolio == ledger.table.portfolio


def test_one_that_misleads_is_dropped_and_costs_one_trial() -> None:
    wrong = study(40, objective=lambda params: -loss(params))
    following, cold = begun(wrong), begun(None)
    whys = goes_on(following, 7)
    goes_on(cold, 6)
    assert sum("did well" in why for why in whys) == 1
    assert not any("learns from" in why for why in whys)
    begin = [trial.params for trial in following.trials]
    assert begin[:1] + begin[2:6] == [trial.params for trial in cold.trials][:5]  # the same beginning, one later
    assert following.learned[0].believed == 0.0
    assert "misleads" in following.learned[0].text()
    assert replays(following)


def test_what_is_expected_of_lengthscales_replays_once_none_is_believed_and_from_a_reopened_store(
    tmp_path: Path,
) -> None:
    url = f"sqlite:///{tmp_path}/s.db"
    study(40, "right", store=url).close()
    study(40, "wrong", lambda params: -loss(params), store=url, seed=9).close()
    study(3, "few", store=url, seed=5).close()
    for names in (["wrong"], ["right", "wrong", "few"]):
        name = "after-" + "-".join(names)
        with begun(names, store=url, name=name) as following:
            whys = goes_on(following, 8)
        for _ in range(2):
            with tt.load_study(url, name) as again:  # what was fitted so far is fitted again
                whys += goes_on(again, 2)
                assert replays(again)
        assert any("learns from" in why for why in whys) == ("right" in names)


def test_patterns_and_labels_mean_studies_and_need_not_mean_any(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/s.db"
    for name in ("net-1", "net-2", "tree"):
        with study(12, name, store=url) as made:
            made.note("project", "vision" if name != "net-2" else "speech")
    cases = {"net-*": ["net-1", "net-2"], "project:vision": ["net-1", "tree"], "project:s*": ["net-2"], "zzz*": []}
    for i, (asked, names) in enumerate(cases.items()):
        with begun(asked, store=url, name=f"next-{i}") as following:
            assert [lesson.study for lesson in following.learned] == names
            assert following.session.ledger.created.learn_from == (asked,)
    with begun(["net-1", "net-*"], store=url, name="n") as following:  # each once
        assert [lesson.study for lesson in following.learned] == ["net-1", "net-2"]


def test_a_name_that_looks_like_a_pattern_means_the_study_of_that_name(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/studies.db"
    for name in ("lr=[0.1]", "data:wmt", "other"):
        study(8, name, store=url).close()
    for name in ("lr=[0.1]", "data:wmt"):
        with begun(name, store=url, name=f"after {name}") as following:
            assert [lesson.study for lesson in following.learned] == [name]
    with pytest.raises(ProblemError, match="has none of this study's parameters"):
        begun("lr=[0.1]", tt.Space(z=tt.Float(0, 1)), store=url)


def test_what_cannot_be_learned_from_is_a_sentence(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/s.db"
    other = tt.Space(depth=tt.Int(1, 9))
    study(5, "tree", lambda params: float(params["depth"]), other, store=url).close()
    with pytest.raises(StudyNotFoundError, match=r"no study 'trea'.*tree"):
        begun("trea", store=url)
    with pytest.raises(ProblemError, match=r"none of this study's parameters \(lr, width, act\)"):
        begun("tree", store=url)
    with begun("tree*", store=url) as following:  # a pattern may mean what is of no use, which is said
        assert "none of this study's parameters" in following.learned[0].remark
        assert goes_on(following, 1)
    for wrong in (3, [3], {"a": 1}, {3: {}}, "", b"x"):
        with pytest.raises(ProblemError, match=r"learn_from= (is such as|says what)"):
            begun(wrong)


def test_empty_flat_and_failed_studies_teach_nothing_and_stop_nothing() -> None:
    def fails(params: dict[str, Any]) -> float:
        raise ZeroDivisionError

    sources = [study(0, "empty"), study(6, "flat", lambda params: 1.0), study(6, "failed", fails), study(1, "one")]
    following = begun(sources)
    assert [lesson.n_taken for lesson in following.learned] == [0, 0, 0, 0]
    assert [lesson.remark for lesson in following.learned] == [
        "it has no results",
        "it has no results that differ",
        "it has no results",
        "it has no results that differ",
    ]
    cold = begun(None)
    assert goes_on(following, 7) == goes_on(cold, 7)
    assert [t.params for t in following.trials] == [t.params for t in cold.trials]


def test_failed_trials_come_along_as_the_worst_and_are_not_put_first() -> None:
    def fails_high(params: dict[str, Any]) -> float:
        return loss(params) if params["lr"] < 0.1 else 1 / 0

    past = study(60, objective=fails_high)
    following = begun(past)
    taken = following.table.past[0]
    assert 0 < taken.losses.count(None) <= 13
    assert all(taken.losses[row] is not None for _, row in following.table.portfolio)
    assert len(taken.x) == 50  # of 60
    assert goes_on(following, 3)


def test_ranges_choices_and_parameters_may_differ() -> None:
    was = tt.Space(
        lr=tt.Float(1e-7, 1e-1),  # not logarithmic there
        act=tt.Categorical(["gelu", "tanh", "relu"]),
        gone=tt.Float(0, 1),
    )
    past = study(60, "past", lambda params: loss(params, -3.0), was)
    space = tt.Space(
        lr=tt.Float(1e-5, 1e-2, log=True),
        act=tt.Categorical(["relu", "gelu"]),
        new=tt.Int(1, 9, default=4),
        deep=tt.Float(0, 1, when=tt.given("act") == "gelu"),
        held=tt.Float(0, 1),
        fixed={"held": 0.5},
    )
    following = begun(past, space)
    [lesson] = following.learned
    assert lesson.n_taken + sum(lesson.left_out.values()) == 60
    assert set(lesson.left_out) == {"lr", "act"}
    values = following.table.past[0].x
    assert {row[2] for row in values} == {4.0}  # as trials did without it
    goes_on(following, 4, lambda params: (np.log10(params["lr"]) + 3) ** 2)
    first = following.trials[1]
    assert "did well" in first.why
    assert first.params["new"] == 4
    assert first.params["held"] == 0.5
    assert replays(following)


RENAMED = tt.Space(
    learning_rate=tt.Float(1e-5, 1.0, log=True),
    width=tt.Int(8, 512, log=True),
    act=tt.Categorical(["relu", "gelu"]),
    warmup=tt.Float(0, 1, default=0.25),
)


def test_a_parameter_may_be_called_otherwise_now(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path / 'a.db'}"
    was = tt.Space(lr=SPACE["lr"], size=SPACE["width"], act=SPACE["act"], seed=tt.Int(0, 9))
    with study(30, "resnet-1", lambda params: loss({**params, "width": params["size"]}), was, store=store):
        pass
    renamed = {"lr": "learning_rate", "size": "width"}
    following = begun({"resnet-1": renamed}, RENAMED, store=store)
    [past], [lesson] = following.table.past, following.learned
    assert np.array_equal(
        [row[:2] for row in past.x], [[trial["lr"], trial["size"]] for trial in _params(store, past.trials)]
    )
    assert {row[3] for row in past.x} == {0.25}
    assert (lesson.renamed, lesson.gone, lesson.new) == (renamed, ("seed",), ("warmup",))
    assert "lr is learning_rate here; size is width here; seed is gone; warmup is new" in lesson.text()
    assert following.session.ledger.created.learn_from == ("resnet-1 (lr is learning_rate, size is width)",)
    goes_on(following, 4, lambda params: loss({**params, "lr": params["learning_rate"]}))
    assert "did well in resnet-1" in following.trials[1].why
    assert replays(following)
    # names may change places, and a pattern may mean studies that have the new ones already
    other = tt.Space(size=SPACE["lr"], lr=SPACE["width"])
    swapped = begun({"resnet-1": {"lr": "size", "size": "lr"}}, other, store=store, name="swapped")
    assert np.array_equal([row[:2] for row in swapped.table.past[0].x], [row[:2] for row in past.x])
    again = begun({"ne*": renamed, "resnet-*": renamed}, RENAMED, store=store, name="third")
    assert [lesson.renamed for lesson in again.learned] == [{}, renamed]
    # what is said of a name goes before what a pattern says, whichever comes first; the name of now says nothing
    by_name = {"resnet-1": {"lr": "learning_rate", "seed": "width"}}
    for both in ({"resnet-*": renamed, **by_name}, {**by_name, "resnet-*": renamed}):
        [lesson] = begun(both, RENAMED, store=store, name=f"both-{next(iter(both))}").learned
        assert lesson.renamed == by_name["resnet-1"]
    assert begun({"resnet-1": {"act": "act"}}, RENAMED, store=store, name="fourth").learned[0].renamed == {}
    with pytest.raises(ProblemError, match="'resnet-1' has both 'lr' and 'seed', which are both to be 'learning_rate'"):
        begun({"resnet-*": {"lr": "learning_rate"}, "*-1": {"seed": "learning_rate"}}, RENAMED, store=store)
    with pytest.raises(StudyMismatchError, match=r"learn_from: was .*learning_rate.*, is now resnet-1"):
        tt.tune(lambda trial: 0.0, RENAMED, minimize="loss", store=store, name="next", budget=9, learn_from="resnet-1")


def _params(store: str, trials: tuple[int, ...]) -> list[dict[str, Any]]:
    with tt.load_study(store, "resnet-1") as past:
        return [past.trials[number].params for number in trials]


@pytest.mark.parametrize(
    ("renamed", "says"),
    [
        ({"lr": "learning_rat"}, "this study has no parameter 'learning_rat' .did you mean 'learning_rate'"),
        ({"lrr": "learning_rate"}, "'past' has no parameter 'lrr' .did you mean 'lr'"),
        ({"lr": "width"}, "'past' has both 'lr' and 'width'"),
        ({"lr": "learning_rate", "act": "learning_rate"}, "two old names for learning_rate"),
        ("lr", "old names first; got 'lr'"),
        ({"lr": 3}, "old names first; got"),
    ],
    ids=["no-such-new-name", "no-such-old-name", "two-in-one", "two-old-names", "no-mapping", "no-name"],
)
def test_names_that_cannot_be_meant_are_a_sentence(renamed: Any, says: str) -> None:
    with pytest.raises(ProblemError, match=says):
        begun({study(4): renamed}, RENAMED)


def test_another_direction_and_another_metric_are_read_as_what_they_are() -> None:
    turned = study(30, "turned", lambda params: -loss(params), maximize="loss", minimize=None)  # its values are -loss
    named = study(30, "named", lambda params: -loss(params), maximize="accuracy", minimize=None)
    following = begun([turned, named])
    first, second = following.learned
    # what is maximized there and minimized here under one name is the same number, and so its other end is sought
    assert first.remark == "loss was maximized there"
    assert second.remark == "its accuracy is read as loss"
    losses = [np.array(past.losses, dtype=float) for past in following.table.past]
    assert np.allclose(losses[0], [-loss(turned.trials[i].params) for i in following.table.past[0].trials])
    assert np.allclose(losses[1], [loss(named.trials[i].params) for i in following.table.past[1].trials])
    two = study(
        8, "two", lambda params: {"a": 1.0, "b": 2.0}, objectives=[tt.minimize("a"), tt.minimize("b")], minimize=None
    )  # type: ignore[arg-type,return-value]
    with pytest.raises(ProblemError, match=r"several objectives \(a, b\), and none is loss"):
        begun(two)


def test_noise_is_averaged_and_what_broke_a_constraint_is_no_example() -> None:
    made = tt.create_study(SPACE, minimize="loss", constraints=[tt.at_most("size", 100.0)], seed=0, name="past")
    params = {"lr": 0.01, "act": "relu"}
    for width, value, size in ((64, 1.0, 10.0), (64, 3.0, 10.0), (32, 2.5, 10.0), (256, 0.0, 900.0)):
        made.enqueue({**params, "width": width})
        made.tell(made.ask().number, {"loss": value, "size": size})
    past = begun(made).table.past[0]
    assert past.losses == (2.0, 2.5, None)


@pytest.mark.parametrize("optimizer", ["random", "tpe", "cmaes", "sobol"])
def test_other_engines_have_what_did_well_in_line(optimizer: str) -> None:
    following = begun(study(30), optimizer=optimizer)
    n = len(following.table.portfolio)
    assert n == following.table.n_waiting
    whys = goes_on(following, n + 2)
    assert all("did well in past" in why for why in whys[:n])
    assert replays(following)


def test_several_objectives_have_the_portfolio_alone() -> None:
    following = begun(study(30), minimize=None, objectives=[tt.minimize("loss"), tt.minimize("size")])
    for i in range(8):
        trial = following.ask()
        following.tell(trial.number, {"loss": loss(trial.params), "size": float(trial.params["width"])})
        if i == 1:
            assert "did well in past" in following.trials[1].why
    assert following.learned[0].believed is None
    assert replays(following)


def test_a_small_space_is_walked_after_the_portfolio() -> None:
    space = tt.Space(lr=tt.Ordinal([1e-4, 1e-3, 1e-2, 1e-1]), act=tt.Categorical(["relu", "gelu"]))
    following = begun(study(6, space=space), space)
    goes_on(following, 8)
    assert "did well" in following.trials[0].why
    assert len({str(trial.params) for trial in following.trials}) == 8
    assert replays(following)


def test_parallel_trials_and_several_at_once_have_each_of_the_portfolio_once() -> None:
    following = begun([study(30), study(30, "other", lambda params: loss(params, -4.0), seed=8)])
    asked = [following.ask() for _ in range(6)]
    whys = [following.trials[trial.number].why for trial in asked]
    assert sum("did well" in why for why in whys) == len(following.table.portfolio)
    assert len({str(trial.params) for trial in asked}) == 6
    assert replays(following)


def test_tune_goes_on_with_what_it_learned_and_refuses_to_change_it(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/s.db"
    study(20, store=url).close()

    def call(n: int, learn_from: Any = None) -> tt.Study:
        return tt.tune(
            lambda trial: loss(trial.params), SPACE, minimize="loss", budget=n, seed=1, store=url, name="next",
            learn_from=learn_from, progress=False, finalize=False, resume="always",
        )  # fmt: skip

    call(3, "past").close()
    with call(4, "past") as again, call(5) as without:
        assert len(again.table) == 4
        assert [lesson.study for lesson in without.learned] == ["past"]
        assert replays(without)
    with pytest.raises(StudyMismatchError, match="learn_from: was past, is now past, more"):
        call(6, ["past", "more"])


def test_a_space_that_grows_keeps_what_was_learned() -> None:
    following = begun(study(20))
    goes_on(following, 3)
    following.add_parameter("late", tt.Float(0, 1))
    goes_on(following, 4)
    assert replays(following)


def test_a_first_record_that_a_stranger_made_is_refused() -> None:
    following = begun(study(12))
    first = next(iter(following.session.journal.read()))
    text = encode_record(first).decode()
    good = Ledger.begin(decode_record(text))
    assert good.table.past == following.table.past
    taken = following.table.past[0]
    for old, new in (
        (f'"trials":[{",".join(map(str, taken.trials))}]', '"trials":[0]'),
        ('"portfolio":[[0,', '"portfolio":[[7,'),
        (f'"x":[[{taken.x[0][0]!r}', '"x":[[9e9'),
    ):
        assert old in text
        with pytest.raises(StoreCorruptError):
            Ledger.begin(decode_record(text.replace(old, new, 1)))


def test_an_engine_that_is_asked_for_several_at_once_puts_the_portfolio_first() -> None:
    following = begun([study(30), study(30, "other", lambda params: loss(params, -4.0), seed=8)], optimizer="gp")
    table, engine = following.table, Gp()
    state = engine.init(table.problem)
    n = len(table.portfolio)
    for asked in (1, n, 7):
        found = engine.ask(state, table, Request(asked, rng_at(1, 0), 0, seed=1))
        assert len({row.tobytes() for row in found.x}) == len(found.x)
        assert sum("did well" in found.reason(i) for i in range(len(found.x))) == (0 if asked == 1 else min(n, asked))
        assert len(found.x) == asked
