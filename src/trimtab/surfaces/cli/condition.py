"""What `doctor` says of each study, and what it copies of them."""

from __future__ import annotations

from collections.abc import Iterator

from trimtab.errors import StoreUrlError, TrimtabError
from trimtab.storage.protocol import Finding, Store
from trimtab.storage.url import normalised, open_store, redacted, salvaging, same_store
from trimtab.study.examine import Examined, copied, examined
from trimtab.surfaces.render.numbers import count
from trimtab.surfaces.render.text import clean


def studies(store: Store, command: str) -> Iterator[Finding]:
    """Yield what is wrong with the studies of a store, or that they are whole.

    Args:
        store: opened.
        command: what copies that which is whole.
    """
    n_whole = n_records = 0
    for study in examined(store):
        if study.fault:
            yield Finding("error", _damage(study), f"{command} copies what can be read" if study.records else "")
        else:
            n_whole, n_records = n_whole + 1, n_records + len(study.records)
        if study.name_fault:
            yield Finding("error", clean(study.name_fault), f"{command} copies it as {study.copied_as!r}")
        if study.snapshot_fault:
            what = f"the snapshot of study {clean(study.name)!r} is not used: {clean(study.snapshot_fault)}"
            yield Finding("warning", what, "nothing to do: the log is read from its beginning, and a new one is made")
    if n_whole:
        named = "1 study" if n_whole == 1 else f"{n_whole:,} studies"
        yield Finding("ok", f"{named} with {count(n_records, 'record')} read from beginning to end, and whole")


def repaired(url: str, into: str) -> Iterator[Finding]:
    """Copy what is whole of each study of one store into another, and yield what came of each.

    Raises:
        StoreUrlError: the other store is this one, or holds studies.
    """
    if same_store(url, into):
        raise StoreUrlError(f"--repair copies into another store, and {redacted(into)} is the one that is read.")
    source = open_store(salvaging(normalised(url)))
    try:
        target = open_store(into)
        try:
            if target.studies():
                raise StoreUrlError(f"--repair copies into an empty store, and {redacted(into)} holds studies.")
            found = [_copy(study, target) for study in examined(source)]
            yield from found or [Finding("error", f"nothing was copied: no study was found in {redacted(url)}")]
        finally:
            target.close()
    finally:
        source.close()


def _copy(study: Examined, target: Store) -> Finding:
    try:
        n = copied(study, target)
    except TrimtabError as error:
        return Finding("error", f"study {clean(study.name)!r} was not copied: {clean(str(error))} {clean(study.fault)}")
    if study.fault:
        return Finding("error", f"{_damage(study)}; those before it were copied{_under(study)}")
    if study.name_fault:
        return Finding("error", f"{clean(study.name_fault)} It was copied{_under(study)}: {count(n, 'record')}")
    return Finding("ok", f"study {clean(study.name)!r} was whole and was copied: {count(n, 'record')}")


def _under(study: Examined) -> str:
    return f" as {clean(study.copied_as)!r}" if study.name_fault else ""


def _damage(study: Examined) -> str:
    readable = f"can be read up to record {len(study.records):,} of {study.n_stored:,}"
    if not study.records:
        readable = "cannot be read"
    return f"study {clean(study.name)!r} {readable}: {clean(study.fault).removesuffix('.')}"
