"""The next study: with a changed space, and the trials of the one before as its evidence."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from trimtab.errors import ProblemError, StudyExistsError
from trimtab.explain import explained
from trimtab.ledger.event import FORMAT_VERSION, Created
from trimtab.optim.protocol import Optimizer
from trimtab.schedule.protocol import Scheduler
from trimtab.space.condition import shown
from trimtab.space.parameter import Parameter
from trimtab.space.revise import Range, revised
from trimtab.space.space import Space
from trimtab.storage.protocol import Store
from trimtab.storage.url import open_store
from trimtab.study import provenance
from trimtab.study.arms import arms
from trimtab.study.evidence import evidence
from trimtab.study.lineage import LINEAGE
from trimtab.study.open import check_seed
from trimtab.study.plugin import passed, settings_of
from trimtab.study.same_objective import last_known
from trimtab.study.session import Session
from trimtab.study.study import Study


@explained("refine")
def refine(
    study: Study,
    *,
    widen: Mapping[str, Range] | None = None,
    narrow: Mapping[str, Range] | None = None,
    hold: Mapping[str, Any] | None = None,
    free: Iterable[str] = (),
    add: Mapping[str, Parameter] | None = None,
    drop: Iterable[str] = (),
    space: Space | None = None,
    name: str | None = None,
    store: str | None = None,
    optimizer: str | Optimizer[Any] | None = None,
    scheduler: str | Scheduler | None = None,
    seed: int | None = None,
) -> Study:
    """Begin the next study: with a changed space, and the trials of this one as its evidence.

    The trials that are over come along under new numbers, with their results, curves, tags and notes; a note names the
    trial that each was. They teach the optimizer, and may be the best, but no budget counts them. Those whose values
    lie outside of the new space stay behind, which is on record. A parameter that is added has its default in them, or
    is inactive where it has none; one that is dropped is gone from them; of one that is held they keep the value that
    they were run with. This study stays as it is. Go on with `tt.tune(..., space=next.space, store=next)`.

    Args:
        study: the study so far.
        widen: parameters whose range grows: {"lr": (1e-6, None)}, None for an end that stays; of choices, those to add.
        narrow: parameters whose range shrinks, likewise; of choices, those to keep.
        hold: values at which parameters are held from here on.
        free: names of parameters that are held and are to be searched again.
        add: new parameters by name; with a default if the trials so far were run as if they had it.
        drop: names of parameters that are gone.
        space: the whole new space instead.
        name: of the next study; this one's with the next number if None, as "resnet-2".
        store: where to keep it; where this study is kept if None.
        optimizer: as `tune` takes it; as this study has it if None.
        scheduler: likewise.
        seed: likewise; this study's if None, so that the same script or study file goes on.

    Returns:
        the next study.

    Raises:
        SpaceError: a change that cannot be meant.
        ProblemError: no change at all, or `study` is none.
        StudyExistsError: there is a study of that name.

    Example:
        ```python
        wider = tt.refine(study, widen={"lr": (None, 1.0)}, hold={"momentum": 0.9})
        tt.tune(train, wider.space, minimize="loss", budget=50, store=wider)
        ```
    """
    if not isinstance(study, Study):
        raise ProblemError(
            f"refine goes on from a study, as tt.load_study(store, name) returns it; got {shown(study)}."
        )
    given = {"widen": widen, "narrow": narrow, "hold": hold, "free": free, "add": add, "drop": drop}
    said = [key for key, value in given.items() if value]
    if space is not None and said:
        raise ProblemError(f"refine takes space= or changes of the space; got space= and {said[0]}=.")
    if space is not None and not isinstance(space, Space):
        raise ProblemError(f"refine expects space= to be a tt.Space(lr=tt.Float(1e-5, 1e-1), ...), got {shown(space)}.")
    if space is None and not said:
        raise ProblemError(
            "refine needs a change of the space: widen=, narrow=, hold=, free=, add=, drop=, or space= with all of it."
        )
    session = study.session
    with session.lock:
        session.sync()
        table, created = study.table.frozen(), session.ledger.created
        on_record = session.ledger.optimizer
    new = revised(table.space, **given) if space is None else space  # type: ignore[arg-type]  # `given` by name
    changes = table.space.differences(new)
    problem = replace(table.problem, space=new)
    found = evidence(table, problem, study.name, created.id)
    engine = session.optimizer if optimizer is None else passed("optimizers", optimizer)
    plan = None if scheduler is None else passed("schedulers", scheduler)
    came = provenance.gather()
    objective = last_known(session.ledger)
    if objective is not None and set(new.names) == set(table.space.names):
        came["objective"] = dict(objective)  # that of the evidence: results of another one are no more of the same
    came[LINEAGE] = {
        "study": study.name,
        "id": created.id,
        "changes": changes,
        "evidence": found.n,
        "left_out": found.left_out,
    }
    elsewhere = None if store is None else open_store(store)
    target = session.store if elsewhere is None else elsewhere
    try:
        name = next_name(target, study.name) if name is None else name
        first = Created(
            version=FORMAT_VERSION,
            name=name,
            problem=problem.to_json(),
            seed=created.seed if seed is None else check_seed(seed),
            optimizer=on_record if engine is None else settings_of(engine),
            scheduler=created.scheduler if plan is None else settings_of(plan),
            provenance=came,
            id=os.urandom(4).hex(),
            exact_ends=True,
            in_arms=len(arms(problem.space)) > 0,
        )
        journal = target.create(name, [first, *found.events])
        return Study(Session(target, journal, engine, plan))
    except BaseException:
        if elsewhere is not None:
            elsewhere.close()
        raise


def next_name(store: Store, name: str) -> str:
    """Return the name of a study with the next free number behind it: resnet, resnet-2, resnet-3.

    Raises:
        StudyExistsError: there are too many of them.
    """
    taken = {info.name for info in store.studies()}
    stem, number = name, 1
    found = re.fullmatch(r"(.+)-(\d{1,6})", name)
    if found is not None:
        stem, number = found[1], int(found[2])
    for following in range(number + 1, number + 2 + len(taken)):
        if f"{stem}-{following}" not in taken:
            return f"{stem}-{following}"
    raise StudyExistsError(f"every name after {name!r} is taken; say one with name=.")
