"""Completion in shells: what is offered reaches the command line quoted, so that a name is never run.

click's scripts for bash and fish put a name there as it is: `$(rm -r x)` would be a command, and a space the end of a
word. zsh quotes by itself what it is offered.
"""

from __future__ import annotations

import os
import re
from typing import ClassVar

from click.shell_completion import BashComplete, CompletionItem, FishComplete, add_completion_class, split_arg_string

_BASH = """\
%(complete_func)s() {
    local type value
    COMPREPLY=()
    while IFS=, read -r type value; do
        case $type in
            dir) compopt -o dirnames ;;
            file) compopt -o default ;;
            plain) COMPREPLY+=("$value") ;;
        esac
    done < <(COMP_LINE="${COMP_LINE:0:COMP_POINT}" COMP_FRAGMENT="${COMP_WORDS[COMP_CWORD]}" \\
        %(complete_var)s=bash_complete "$1")
}

complete -o nosort -F %(complete_func)s %(prog_name)s
"""

_FISH = """\
function %(complete_func)s
    set -l response (env %(complete_var)s=fish_complete COMP_WORDS=(commandline -cp | string collect) \\
        COMP_CWORD=(commandline -t | string collect) %(prog_name)s)
    for completion in $response
        set -l metadata (string split -m 1 "," -- $completion)
        switch $metadata[1]
            case dir
                __fish_complete_directories $metadata[2]
            case file
                __fish_complete_path $metadata[2]
            case plain
                printf '%%s\\n' $metadata[2]
        end
    end
end

complete --no-files --command %(prog_name)s --arguments "(%(complete_func)s)"
"""


class Bash(BashComplete):
    """Completion in bash, which is told the whole line: its own words end at each colon and equals sign."""

    source_template: ClassVar[str] = _BASH

    @staticmethod
    def _check_version() -> None:
        """Do nothing: click would run bash to see that it is newer than 4.4, of 2016."""

    def get_completion_args(self) -> tuple[list[str], str]:
        words = split_arg_string(os.environ["COMP_LINE"] + "x")  # the x stands for what is being completed
        return words[1:-1], words[-1][:-1]

    def format_completion(self, item: CompletionItem[str]) -> str:
        if item.type != "plain":
            return f"{item.type},"
        line = os.environ["COMP_LINE"]
        begin, quote = last_word(line)
        typed, fragment = line[begin:], os.environ["COMP_FRAGMENT"]
        # Bash replaces what follows a colon or an equals sign alone; such a sign at the end is a fragment of its own.
        replaced = "" if fragment.strip(":=") == "" else fragment
        before = typed.removesuffix(replaced) if not quote and typed.endswith(replaced) else ""
        return f"plain,{quoted(item.value, quote).removeprefix(before)}"


class Fish(FishComplete):
    """Completion in fish, which quotes what it is offered, and of which click cuts what follows a comma."""

    source_template: ClassVar[str] = _FISH


add_completion_class(Bash)
add_completion_class(Fish)


def last_word(line: str) -> tuple[int, str]:
    """Return where the last word of a line of bash begins, and the quote that is open at its end, "" for none."""
    begin, quote, is_escaped = 0, "", False
    for at, char in enumerate(line):
        if is_escaped:
            is_escaped = False
        elif char == "\\" and quote != "'":
            is_escaped = True
        elif quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char.isspace():
            begin = at + 1
    return begin, quote


def quoted(text: str, quote: str = "") -> str:
    """Return text as bash reads it back: within an open `quote`, else with a backslash before what means something."""
    if quote == "'":
        return text.replace("'", "'\\''")
    if quote == '"':
        return re.sub(r'([\\"$`])', r"\\\1", text).replace("!", "\"'!'\"")
    return re.sub(r"([^\w@%+./,:=-])", r"\\\1", text)
