"""What plays the `$ ` commands of a page: it is copied beside the page, and imported in its first line.

Most commands are `trimtab` and words. Those are run by forks of one process that has loaded the command line once, as
loading it anew for each would take most of the time of all pages; whatever needs a shell gets one.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from typing import IO

PLAIN = re.compile(r"trimtab( |$)[^$`|&;<>*?~\\]*$")
IS_WORKER = bool(os.environ.get("TRIMTAB_WORKER"))
"""A worker loads the page for an objective that it defines; the commands ran before."""


class _Trimtab:
    """The process that runs `trimtab`; it is started with the first command."""

    def __init__(self) -> None:
        self._server: subprocess.Popen[str] | None = None

    def run(self, words: list[str]) -> tuple[int, str]:
        if self._server is None:
            self._server = subprocess.Popen(
                [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        print(json.dumps([words, dict(os.environ)]), file=self._server.stdin, flush=True)
        code, printed = json.loads(self._server.stdout.readline())
        return code, printed

    def close(self) -> None:
        if self._server is not None:
            self._server.communicate()


def _console(command: str, code: int) -> None:
    if IS_WORKER:
        return
    if PLAIN.match(command):
        exited, printed = _TRIMTAB.run(shlex.split(command))
    else:
        done = subprocess.run(
            command, shell=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, stdin=subprocess.DEVNULL
        )
        exited, printed = done.returncode, done.stdout
    assert exited == code, f"$ {command}\nexited {exited}\n{printed}"
    print(printed, end="")


def _serve(asked: IO[str], answers: IO[str]) -> None:
    import tempfile

    from trimtab.surfaces.cli.app import run  # loads every command

    for line in asked:
        words, environment = json.loads(line)
        with tempfile.TemporaryFile("w+", encoding="utf-8") as shown:
            child = os.fork()
            if not child:
                os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
                os.dup2(shown.fileno(), 1)
                os.dup2(shown.fileno(), 2)
                os.environ.clear()
                os.environ.update(environment)
                sys.stdin = open(0, closefd=False)  # noqa: SIM115 - the end of the process closes it
                sys.argv = words
                code = 1
                try:
                    run()
                except SystemExit as end:
                    code = end.code if isinstance(end.code, int) else int(end.code is not None)
                except BaseException:
                    sys.excepthook(*sys.exc_info())
                finally:
                    sys.stdout.flush()
                    sys.stderr.flush()
                    os._exit(code)
            _, status = os.waitpid(child, 0)
            shown.seek(0)
            print(json.dumps([os.waitstatus_to_exitcode(status), shown.read()]), file=answers, flush=True)


if __name__ == "__main__":
    with open(os.dup(1), "w", encoding="utf-8") as answers:
        _serve(sys.stdin, answers)
else:
    import atexit

    _TRIMTAB = _Trimtab()
    atexit.register(_TRIMTAB.close)
