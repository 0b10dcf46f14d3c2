"""A page on a family, made from its entry."""

from __future__ import annotations

from collections.abc import Iterator

from trimtab.spaces.entry import SAME, Entry, Family
from trimtab.spaces.sizes import At
from trimtab.spaces.sources import SOURCES


def page(family: Family) -> str:
    """Return the page of a family, in Markdown."""
    return "\n".join(_lines(family)).rstrip() + "\n"


def _lines(family: Family) -> Iterator[str]:
    yield f"# {family.title}"
    yield ""
    yield f"`tt.spaces.{family.name}()`" + (f"; {_classes(family)}." if family.classes else ".") + f" {family.about}"
    yield ""
    if family.entries:
        yield "| tune | parameter | range | begins at | default | with more of it |"
        yield "|---|---|---|---|---|---|"
        for entry in sorted(family.entries, key=lambda one: (one.held, one.priority)):
            yield _row(entry)
        yield ""
        for entry in sorted(family.entries, key=lambda one: (one.held, one.priority)):
            yield f"**{entry.name}**" + _note(entry)
            yield ""
    if family.also:
        yield "Not searched, but known where a space of your own has it:"
        yield ""
        for entry in family.also:
            yield f"* **{entry.name}**" + _note(entry)
        yield ""
    if family.mistakes:
        yield "Typical mistakes:"
        yield ""
        for mistake in family.mistakes:
            yield f"* {mistake}"
        yield ""
    used = list(dict.fromkeys(source for entry in (*family.entries, *family.also) for source in entry.sources))
    if used:
        yield "Sources:"
        yield ""
        for source in used:
            yield f"* {SOURCES[source]}"


def _classes(family: Family) -> str:
    return f"for {', '.join(f'`{name}`' for name in family.classes)} of {family.package}"


def _row(entry: Entry) -> str:
    begins = entry.begins
    start = begins.formula if isinstance(begins, At) else repr(begins)
    order = "held" if entry.held else str(entry.priority)
    default = "" if entry.start == SAME and isinstance(entry.start, str) else repr(entry.default)
    takes = {"more": "slower", "less": "faster"}.get(entry.cost, "")
    return f"| {order} | {entry.name} | {entry.range_text()} | {start} | {default} | {takes} |"


def _note(entry: Entry) -> str:
    parts = [f" {entry.says}"] if entry.says else [""]
    if entry.only:
        parts.append(f"Of a {entry.only} alone.")
    if entry.when:
        conditions = [f"{name} is {' or '.join(map(repr, values))}" for name, values in entry.when.items()]
        parts.append(f"Where {' and '.join(conditions)}.")
    if entry.since or entry.until:
        parts.append(f"{_versions(entry)}.")
    parts += [f"{hazard.sentence().capitalize()}." for hazard in entry.hazards]
    if entry.interacts:
        parts.append(f"Interacts with {', '.join(entry.interacts)}.")
    if entry.aliases:
        parts.append(f"Also called {', '.join(entry.aliases)}.")
    return ": " + " ".join(part.strip() for part in parts if part.strip()) if any(parts) else ""


def _versions(entry: Entry) -> str:
    bounds = [f"from version {entry.since} on"] * bool(entry.since) + [f"before version {entry.until}"] * bool(
        entry.until
    )
    return " and ".join(bounds).capitalize()
