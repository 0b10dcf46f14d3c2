"""The command group: which commands there are, and how they end."""

from __future__ import annotations

import io
import signal
import sys
from types import FrameType
from typing import NoReturn

import click

from trimtab import __version__
from trimtab.errors import (
    ExecutorError,
    NoAnswerError,
    NoBestError,
    ReplayError,
    StoreCorruptError,
    StoreLostError,
    Terminated,
    TrimtabError,
    WaitsError,
)
from trimtab.execute.requests_to_end import keep_from_forks
from trimtab.plugins import did_you_mean
from trimtab.surfaces.cli import (
    advise,
    advising,
    ask_tell,
    budget,
    check,
    complete,  # noqa: F401 - registers shells
    look,
    manage,
    output,
    plot,
    refining,
    running,
    shelf,
    worth,
)
from trimtab.text import hide_secrets

WORK_FAILED = (ExecutorError, NoAnswerError, NoBestError, ReplayError, StoreCorruptError, WaitsError)
"""Errors that are nobody's wrong usage: exit code 1, where every other error of ours is 2."""


STORE_LOST = 3
"""The exit code when a store was waited for in vain or failed while a study ran: nobody's wrong usage, and to be tried
again."""


class Group(click.Group):
    """Commands in the order in which a newcomer needs them; a misspelt one is answered with the nearest."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(self.commands)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse as click does; an option of a command that stands before the command is told its place."""
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            name = next((word for word in args if word in self.commands), None)
            options = self.commands[name].params if name is not None else ()
            if any(error.option_name in option.opts for option in options):
                place = f"trimtab {name} {error.option_name}"
                raise click.UsageError(f"{error.option_name} goes behind the command: {place} ...", ctx) from None
            raise

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Resolve as click does; an unknown command is answered with what it is called here."""
        name = args[0]
        if name not in self.commands and not name.startswith("-"):
            from trimtab.habits import COMMANDS

            habit = COMMANDS.get(name)
            hint = f"; write {habit}." if habit else f"{did_you_mean(name, self.commands)}; there are: "
            listed = "" if habit else f"{', '.join(self.commands)}."
            raise click.UsageError(f"there is no command {name!r}{hint}{listed}", ctx)
        return super().resolve_command(ctx, args)


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
    advise.check,
    look.list_,
    look.show,
    look.best,
    look.trials,
    look.export,
    worth.worth,
    worth.plan,
    refining.diff,
    advising.advise,
    advising.compare,
    refining.refine,
    budget.budget,
    plot.plot,
    plot.importance,
    ask_tell.ask,
    ask_tell.tell,
    ask_tell.give_back,
    ask_tell.report,
    shelf.search,
    shelf.label,
    shelf.archive,
    shelf.copy,
    manage.rename,
    manage.delete,
    check.replay,
    check.doctor,
    check.completion,
):
    cli.add_command(command)


def run() -> NoReturn:
    """Run the command line and exit with its code."""
    keep_from_forks(_terminated)
    signal.signal(signal.SIGTERM, _terminated)
    output.open_streams()
    try:
        code = _answered()
        output.close_stdout()
    except output.OutputError as error:
        output.drop_stdout()
        code = 0 if error.is_enough else 1
        if not error.is_enough:
            output.complain(f"trimtab: {error}")
    sys.exit(code)


def _answered() -> int:
    """Run the command and return its exit code; what went wrong is said on stderr."""
    try:
        return cli.main(prog_name="trimtab", standalone_mode=False) or 0
    except click.exceptions.Abort:
        return 130
    except click.ClickException as error:
        output.complain(hide_secrets(_shown(error)))
        return error.exit_code
    except TrimtabError as error:
        output.complain(f"trimtab: {hide_secrets(str(error))}")
        return STORE_LOST if isinstance(error, StoreLostError) else 1 if isinstance(error, WORK_FAILED) else 2
    except KeyboardInterrupt:
        return 130
    except Terminated:
        return 143


def _shown(error: click.ClickException) -> str:
    """Return what click says of an error: how the command is used, and what is wrong."""
    said = io.StringIO()
    explained = _explained(error) if isinstance(error, click.NoSuchOption) else error
    explained.show(file=said)
    return said.getvalue().rstrip("\n")


def _explained(error: click.NoSuchOption) -> click.UsageError:
    """Return the error with what an option of other tools is called here."""
    from trimtab.habits import OPTIONS

    habit = OPTIONS.get(error.option_name)
    if habit is None:
        return error
    return click.UsageError(f"there is no option {error.option_name}; write {habit}.", error.ctx)


def _terminated(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - signal's signature
    raise Terminated  # click would take a KeyboardInterrupt for Ctrl-C
