"""What a program is, for `fingerprint.py`: its command line, its environment, and the files that these name."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from trimtab.execute.command import Command
from trimtab.study import code

_WORDS = re.compile(r"[^\s;|&<>()'\"`]+")
"""Words of a shell's command line, between blanks and what means something to a shell."""

LARGEST_FILE = 10 << 20
"""Bytes of a file that is compared; a larger one is data."""


def parts(command: Command) -> tuple[dict[str, dict[str, str]], set[str]]:
    """Return a program's parts, and what was left out."""
    found = {"the command line": {"value": code.digest(repr(command.arguments))}}
    left_out: set[str] = set()
    for name, value in sorted(command.env.items()):
        found[f"the environment's {name}"] = {"value": code.digest(value)}
    folder = command.cwd or Path()
    for argument in _files_named(command.arguments):
        file = folder / argument
        try:
            if not file.is_file():
                continue
            if file.stat().st_size > LARGEST_FILE:
                left_out.add(argument)
                continue
            found[f"file {argument}"] = {"value": _content(file)}
        except OSError:
            left_out.add(argument)
    return found, left_out


def _files_named(arguments: tuple[str, ...]) -> Iterator[str]:
    """Yield what among a command's arguments may name a file.

    That is each, what follows an `=`, a module after `-m`, and the words of what is meant for a shell.
    """
    for before, argument in zip(("", *arguments), arguments, strict=False):
        if " " in argument.strip():
            yield from _files_named(("", *_WORDS.findall(argument)))
        if "{" in argument or (before == "" and os.sep not in argument):
            continue  # a template; or a program that is found on PATH
        if before == "-m":
            path = argument.replace(".", os.sep)
            yield from (f"{path}.py", f"{path}{os.sep}__main__.py")
        else:
            yield argument.rpartition("=")[2] if argument.startswith("-") else argument


def _content(file: Path) -> str:
    """Return a digest of a file: of Python the syntax, of other text the lines that are neither empty nor comments."""
    body = file.read_bytes()
    text = body.decode("utf-8", "surrogateescape")
    if file.suffix == ".py":
        syntax = code.syntax(text)
        if syntax is not None:
            return syntax
    lines = [line.strip() for line in text.splitlines()]
    return code.digest("\n".join(line for line in lines if line and not line.startswith("#")))
