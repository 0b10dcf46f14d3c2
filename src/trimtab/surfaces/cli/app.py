"""The command group: which commands there are, and how they end."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType
from typing import NoReturn

import click

from trimtab import __version__
from trimtab.errors import ExecutorError, ReplayError, StoreCorruptError, TrimtabError
from trimtab.surfaces.cli import ask_tell, check, look, manage, running

WORK_FAILED = (ExecutorError, ReplayError, StoreCorruptError)
"""Errors that are nobody's wrong usage: exit code 1, where every other error of ours is 2."""


class Group(click.Group):
    """Commands in the order in which a newcomer needs them; a misspelt one is answered with the nearest."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(self.commands)


@click.group(
    cls=Group,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Studies are found with --store (or TRIMTAB_STORE); --json prints for programs.",
)
@click.version_option(__version__, prog_name="trimtab")
def cli() -> None:
    """Tune the hyperparameters of any program."""


for command in (
    running.init,
    running.run,
    look.list_,
    look.show,
    look.best,
    look.trials,
    look.export,
    ask_tell.ask,
    ask_tell.tell,
    ask_tell.give_back,
    ask_tell.report,
    manage.rename,
    manage.delete,
    check.replay,
    check.doctor,
    check.completion,
):
    cli.add_command(command)


def run() -> NoReturn:
    """Run the command line and exit with its code."""
    signal.signal(signal.SIGTERM, _terminated)
    try:
        code = cli.main(prog_name="trimtab", standalone_mode=False) or 0
    except click.exceptions.Abort:
        code = 130
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except TrimtabError as error:
        click.echo(f"trimtab: {error}", err=True)
        code = 1 if isinstance(error, WORK_FAILED) else 2
    except KeyboardInterrupt:
        code = 130
    except Terminated:
        code = 143
    except BrokenPipeError:  # whoever read our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    sys.exit(code)


class Terminated(BaseException):
    """SIGTERM came: end as after Ctrl-C, so that nothing is lost; click would take a KeyboardInterrupt for Ctrl-C."""


def _terminated(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - signal's signature
    raise Terminated
