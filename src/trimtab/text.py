"""Text that others wrote: made fit for a terminal, for JSON, and without the secrets in it.

Names, choices, notes and errors come from programs and people; whoever prints them prints what those wanted printed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

BLANKS = frozenset("\u115f\u1160\u17b4\u17b5\u3164\uffa0\u2800")
"""Letters and signs that are drawn as nothing at all, which `str.isprintable` takes for printable: with them, two names
look the same and are not."""

SECRET_WORDS = r"pass(?:word|wd|phrase)|passwort|pwd|secret|api[-_]?key|client[-_]?key"
"""What the name of an option that holds a secret ends in: libpq's (`password`, `sslpassword`, `oauth_client_secret`,
`scram_client_key`) and the usual ones of other programs."""

SECRET_FLAGS = rf"{SECRET_WORDS}|pass|token|credentials?"
"""What the name of a command line's flag ends in if its value is a secret. In running text these words mean too much
else: a model has tokens, and makes passes."""

HIDDEN = "***"
"""Stands where a secret was."""

_SECRET_NAME = re.compile(rf"(?i)(?:{SECRET_FLAGS})$")
# All of these take time in proportion to the text: errors are as long as programs make them.
_URL = re.compile(r"(?=://)")
# A user and a password before the last @: a password may hold an @ itself, or a slash, that nobody escaped. One slash
# will do, for that is what a path makes of two.
_IN_AUTHORITY = re.compile(r"(:/+(?:[^:/?#@\s'\"][^:?#@\s'\"]*)?):(?!\*\*\*@).*@", re.DOTALL)
_IN_QUERY = re.compile(r"([?&;])([^=&;?\s'\"]+)=([^&'\"\n]*)")
_IN_WORDS = re.compile(
    rf"(?i)((?:{SECRET_WORDS})[\"']?\s*[=:]\s*)"  # password = , "password": , --api-key=
    r"('(?:[^'\\]|\\.|'')*'|\"(?:[^\"\\]|\\.)*\"|[^\s'\"&,;)\]}]+)"
)


def valid(text: str) -> str:
    """Return the text with lone surrogates, which no file and no log can hold, written as escapes.

    They come from `os.fsdecode`: bytes of an argument, a path or a log that were not UTF-8.
    """
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


def visible(text: str) -> str:
    r"""Return the text in one line, with what a terminal would obey or hide written as escapes: `\x1b`, `\u202e`.

    These are control characters (C0, C1, DEL), line separators, what changes the direction of the text or has no
    width, lone surrogates, and characters that Unicode does not know or that are drawn as nothing.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(char if char.isprintable() and char not in BLANKS else _escaped(char) for char in text)


def visible_lines(text: str) -> str:
    """Return the text with all but its line breaks and tabs made visible."""
    return "\n".join("\t".join(map(visible, line.split("\t"))) for line in text.split("\n"))


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode()


def to_json(value: object, *, indent: int | None = None, ascii_only: bool = False) -> str:
    r"""Return the value as JSON in which every character that `visible` escapes is an escape: `\u001b`.

    It is valid UTF-8 and reads back as the same value. What JSON cannot say becomes text: a path, a time; numbers
    that are not finite must have been spelled before.

    Args:
        value: anything.
        indent: how far to indent, for people; None for one line.
        ascii_only: whether to escape everything beyond ASCII, for streams of another encoding.
    """
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent, default=str, allow_nan=False)
    if text.isascii():
        return text.replace("\x7f", "\\u007f")
    return "".join(
        char if char == "\n" or (char.isprintable() and char not in BLANKS) else json.dumps(char)[1:-1] for char in text
    ).replace("\x7f", "\\u007f")


def is_secret(name: str) -> bool:
    """Return whether an option or a flag of this name holds a secret."""
    return _SECRET_NAME.search(name) is not None


def hide_secrets(text: str) -> str:
    """Return the text with every password in a URL, in a libpq connection string or after a telling name as stars.

    In doubt it hides too much: what is hidden is for a record or a message, and never what a program goes on with.
    """
    text = "".join(map(_hide_in_authority, _URL.split(text)))
    text = _IN_QUERY.sub(_hide_option, text)
    return _IN_WORDS.sub(rf"\1{HIDDEN}", text)


def _hide_in_authority(text: str) -> str:
    """Hide the password in a text with one `://` at most, at its beginning."""
    until, at, rest = text.rpartition("@")
    return _IN_AUTHORITY.sub(rf"\1:{HIDDEN}@", until + at) + rest


def _hide_option(found: re.Match[str]) -> str:
    from urllib.parse import unquote  # imported when used: it takes longer to load than the whole package

    mark, name, _ = found.groups()
    return f"{mark}{name}={HIDDEN}" if is_secret(unquote(name)) else found.group()


def hide_in_arguments(arguments: Sequence[str]) -> list[str]:
    """Return a command line with its secrets hidden, those of flags included: `--token=secret`, `--token secret`."""
    hidden: list[str] = []
    is_next = False
    for argument in arguments:
        name, equals, _ = argument.partition("=")
        is_flag = name.startswith("-") and is_secret(name)
        if is_next:
            hidden.append(HIDDEN)
        else:
            hidden.append(f"{name}={HIDDEN}" if is_flag and equals else hide_secrets(argument))
        is_next = is_flag and not equals
    return hidden


def spelled(value: Any) -> Any:
    """Return a value with its numbers that are not finite as "nan", "inf" and "-inf", as the log spells them."""
    if isinstance(value, float):
        return value if value - value == 0.0 else str(float(value))
    if isinstance(value, dict):
        return {key: spelled(inner) for key, inner in value.items()}
    return [spelled(inner) for inner in value] if isinstance(value, (list, tuple)) else value
