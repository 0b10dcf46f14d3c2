"""Completion in real shells, on a real terminal: what is completed is that name, and nothing of it is run."""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import trimtab as tt
from tools import needed
from trimtab.surfaces.cli.complete import last_word, quoted

NAMES = {
    "two words": ["tw", "'two w", '"two w'],
    "$(touch pwned)": ["\\$", "'$"],
    "it's": ['"it'],
    'q"uote': ["q"],
    "a,b,c": ["a"],
    "exp:1": ["exp:"],
    "k=v": ["k="],
    "semi;touch pwned": ["se"],
    "日本 語": ["日"],
}
"""Names, and what somebody may have typed of each when pressing Tab."""

SETUP = {
    "bash": ["--norc", "--noprofile", "-i"],
    "zsh": ["-f", "-i"],
}
LINES = {
    "bash": 'set +H; bind "set enable-bracketed-paste off"; eval "$(trimtab completion bash)"\n',
    "zsh": 'autoload -U compinit; compinit -u -D; eval "$(trimtab completion zsh)"\n',
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with studies of these names, and a `trimtab` that completes and else writes down how it was called."""
    folder = tmp_path_factory.mktemp("shell")
    space = tt.Space(x=tt.Float(0, 1))
    for name in NAMES:
        store = f"sqlite:///{folder}/trimtab.db"
        tt.create_study(space, minimize="loss", store=store, name=name, seed=0, optimizer="random").close()
    program = folder / "bin" / "trimtab"
    program.parent.mkdir()
    trimtab = f"{sys.executable} -m trimtab.surfaces.cli"
    program.write_text(
        f'#!/bin/sh\nif [ -n "$_TRIMTAB_COMPLETE" ] || [ "$1" = completion ]; then exec {trimtab} "$@"; fi\n'
        'printf "%s\\n" "$@" > called.part && mv called.part called\n'
    )
    program.chmod(0o755)
    return folder


class Shell:
    """A shell on a terminal of its own. What is typed ahead waits until the completion before it is done."""

    def __init__(self, name: str, folder: Path) -> None:
        self._folder = folder
        self._pid, self._terminal = pty.fork()
        if not self._pid:
            try:
                os.chdir(folder)
                path = f"{folder}/bin:{os.environ['PATH']}"
                env = os.environ | {"PATH": path, "TERM": "dumb", "INPUTRC": "/dev/null", "LC_ALL": "C.UTF-8"}
                env.pop("TRIMTAB_STORE", None)
                os.execvpe(name, [name, *SETUP[name]], env)
            finally:
                os._exit(127)
        os.set_blocking(self._terminal, False)
        self.seen = b""
        self.type(LINES[name])
        self.called("trimtab ready\n")

    def type(self, text: str) -> None:
        os.write(self._terminal, text.encode())

    def called(self, text: str) -> list[str]:
        """Type text, and return the words with which it called trimtab."""
        called = self._folder / "called"
        called.unlink(missing_ok=True)
        self.type(text)
        deadline = time.monotonic() + 60
        while not called.exists():
            assert time.monotonic() < deadline, self.seen[-2000:]
            try:
                self.seen += os.read(self._terminal, 65536)
            except BlockingIOError:
                time.sleep(0.01)
        return called.read_text().splitlines()

    def close(self) -> None:
        os.close(self._terminal)
        os.waitpid(self._pid, 0)


@pytest.fixture(scope="module", params=["bash", "zsh"])
def shell(request: pytest.FixtureRequest, folder: Path) -> Iterator[Shell]:
    needed(request.param)
    shell = Shell(request.param, folder)
    yield shell
    shell.close()


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_completed_as_it_is_and_never_run(shell, folder, name):
    for typed in NAMES[name]:
        assert shell.called(f"trimtab show {typed}\t\n") == ["show", name], typed
    assert not (folder / "pwned").exists()


def test_commands_are_completed(shell):
    assert shell.called("trimtab rep\t\t\x15trimtab repl\tdone\n") == ["replay", "done"]


def test_fish_quotes_what_it_is_offered(folder):
    script = "trimtab completion fish | source; complete --escape -C 'trimtab show '"
    env = os.environ | {"PATH": f"{folder}/bin:{os.environ['PATH']}", "LC_ALL": "C.UTF-8", "HOME": str(folder)}
    done = subprocess.run(
        [needed("fish"), "-c", script], cwd=folder, env=env, capture_output=True, text=True, check=True
    )
    offered = done.stdout.splitlines()
    assert {"two\\ words", "\\$\\(touch\\ pwned\\)", "a,b,c", "it\\'s", "exp:1"} <= set(offered)
    assert len(offered) == len(NAMES)


@pytest.mark.parametrize("quote", ["", "'", '"'])
@pytest.mark.parametrize(
    "name", [*NAMES, "!bang", "a b\\", "*", "~home", "p|q&r<s>", "`touch pwned`", "''", '""', "-x", "$HOME ${x} $((1))"]
)
def test_bash_reads_back_what_was_quoted(name, quote):
    script = f"printf %s {quote}{quoted(name, quote)}{quote}"
    assert subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True).stdout == name


def test_the_last_word_of_a_line_begins_after_what_ends_a_word():
    assert last_word("trimtab show ab") == (13, "")
    assert last_word("trimtab show ") == (13, "")
    assert last_word("trimtab show a\\ b") == (13, "")
    assert last_word("trimtab show 'a b") == (13, "'")
    assert last_word("trimtab show 'a b' \"c") == (19, '"')
    assert last_word("trimtab show a'b c") == (13, "'")


def test_a_name_that_no_line_can_hold_is_not_offered(folder, tmp_path):
    import sqlite3

    store = shutil.copy(folder / "trimtab.db", tmp_path / "trimtab.db")
    with sqlite3.connect(store) as connection:
        connection.execute("UPDATE study SET name = ? WHERE name = 'it''s'", ("it\nplain,touch pwned",))
    env = os.environ | {"_TRIMTAB_COMPLETE": "bash_complete", "COMP_LINE": "trimtab show ", "COMP_FRAGMENT": ""}
    program = [sys.executable, "-m", "trimtab.surfaces.cli"]
    done = subprocess.run(program, cwd=tmp_path, env=env, capture_output=True, text=True, check=True)
    offered = done.stdout.splitlines()
    assert len(offered) == len(NAMES) - 1
    assert "plain,a,b,c" in offered
