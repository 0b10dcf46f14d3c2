"""Templates of a command line: how they are filled, and what is left out where a parameter is inactive.

Which options take a value cannot be seen from outside a program, so what goes with a value that is left out follows a
rule (`_takes`), and whoever knows better writes what belongs together as a list of its own.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from trimtab.errors import ExecutorError

Argument: TypeAlias = str | os.PathLike[str]

_PIECE: Final = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_OPTION: Final = re.compile(r"--?(?P<name>[^\W\d][^=]*)")
"""One or two dashes and a name; not a number below 0, and not `--` or `-`, which stand for themselves."""

SWITCHES: Final = frozenset(
    {"debug", "dry-run", "force", "help", "overwrite", "quiet", "silent", "verbose", "version", "yes"}
)
"""Options of more than a letter that take no value in all programs that have them; so does what begins with no-."""


@dataclass(frozen=True, slots=True)
class _Template:
    """One argument.

    Attributes:
        text: as it was written.
        pieces: literal, name, literal, name, ..., literal.
        unit: which list of its own it stands in; None for the command's own list.
    """

    text: str
    pieces: tuple[str, ...]
    unit: int | None

    @property
    def names(self) -> tuple[str, ...]:
        return self.pieces[1::2]

    @property
    def is_pair(self) -> bool:
        """Whether it reads key={value}."""
        return len(self.names) > 0 and self.pieces[0].endswith("=")


class Templates:
    """The arguments of a command.

    Args:
        arguments: the program and its arguments, each a template or a list of those that are left out together; text is
            split as a shell would split it.

    Raises:
        ExecutorError: there is no program, or a brace that is neither doubled nor closed.
    """

    def __init__(self, arguments: Sequence[Argument | Sequence[Argument]] | str) -> None:
        self.written = _split(arguments)
        found: list[_Template] = []
        for i, argument in enumerate(self.written):
            if isinstance(argument, str):
                found.append(_Template(argument, _parse(argument), None))
            else:
                found += [_Template(text, _parse(text), i) for text in argument]
        self._templates = tuple(found)

    @property
    def texts(self) -> tuple[str, ...]:
        """All arguments as they were written, one after the other."""
        return tuple(template.text for template in self._templates)

    @property
    def program(self) -> str | None:
        """The program, if it is the same in every trial."""
        pieces = self._templates[0].pieces
        return pieces[0] if len(pieces) == 1 else None

    @property
    def fields(self) -> tuple[str, ...]:
        """The names that are used, in order, each once."""
        return tuple(dict.fromkeys(name for template in self._templates for name in template.names))

    def filled(self, values: Mapping[str, str]) -> list[str]:
        """Return the command line with these values; what lacks one is left out."""
        kept = self._kept(values)
        return [
            "".join(values[piece] if k % 2 else piece for k, piece in enumerate(template.pieces))
            for template, is_kept in zip(self._templates, kept, strict=True)
            if is_kept
        ]

    def left_out(self, name: str) -> tuple[str, ...]:
        """Return the arguments that are left out where `name` alone has no value."""
        kept = self._kept(dict.fromkeys(set(self.fields) - {name}, ""))
        return tuple(template.text for template, is_kept in zip(self._templates, kept, strict=True) if not is_kept)

    def _kept(self, values: Mapping[str, str]) -> list[bool]:
        templates = self._templates
        kept = [all(name in values for name in template.names) for template in templates]
        lacking = {template.unit for template, is_kept in zip(templates, kept, strict=True) if not is_kept}
        kept = [k and (t.unit is None or t.unit not in lacking) for k, t in zip(kept, templates, strict=True)]
        for i in range(2, len(templates)):
            option, value = templates[i - 1], templates[i]
            alone = option.unit is None and value.unit is None
            if alone and kept[i - 1] and not kept[i] and _takes(option, value):
                following = templates[i + 1] if i + 1 < len(templates) and kept[i + 1] else None
                # --set a={a} b={b}: the option has another value
                kept[i - 1] = value.is_pair and following is not None and following.is_pair
        return kept


def _takes(option: _Template, value: _Template) -> bool:
    """Return whether an argument is taken for the option whose value the next one is.

    An option of more than a letter is, but for the few that are switches in all programs. One of a single letter is
    where a pair follows, as in -D key={value}, or where the letter begins a word of the parameter's name: in -v {m} it
    is a switch.
    """
    match = _OPTION.fullmatch(option.text) if not option.names else None
    if match is None or value.pieces[0].startswith("-"):
        return False
    name = match["name"].lower().replace("_", "-")
    if len(name) > 1:
        return name not in SWITCHES and not name.startswith("no-") and set(name) not in ({"v"}, {"q"})
    words = [word for field in value.names for word in re.split(r"[\W_]+", field.lower())]
    return value.is_pair or any(word.startswith(name) for word in words)


def _split(arguments: Sequence[Argument | Sequence[Argument]] | str) -> tuple[str | tuple[str, ...], ...]:
    split: tuple[str | tuple[str, ...], ...]
    if isinstance(arguments, str):
        try:
            split = tuple(shlex.split(arguments))
        except ValueError as error:
            raise ExecutorError(f"the command {arguments!r} cannot be split: {error}.") from None
    else:
        try:
            split = tuple(
                tuple(map(os.fspath, item)) if isinstance(item, (list, tuple)) else os.fspath(item)  # type: ignore[arg-type]
                for item in arguments
            )
        except TypeError as error:
            raise ExecutorError(f"a command is a list of text; write numbers as text ({error}).") from None
    if not split or not split[0] or not isinstance(split[0], str):
        raise ExecutorError('a command begins with a program, as tt.Command(["python", "train.py", "--lr={lr}"]).')
    return split


def _parse(argument: str) -> tuple[str, ...]:
    """Return literal, name, literal, name, ..., literal."""
    pieces = [""]
    end = 0
    for match in _PIECE.finditer(argument):
        pieces[-1] += argument[end : match.start()]
        end = match.end()
        if match.group() in ("{{", "}}"):
            pieces[-1] += match.group()[0]
        elif match.group(1):
            pieces += [match.group(1), ""]
        else:
            raise ExecutorError(
                f"the command has a brace that encloses no name, in {argument!r}; to pass braces, double them."
            )
    pieces[-1] += argument[end:]
    return tuple(pieces)
