"""The command line: `trimtab`.

Exit codes: 0 it worked; 1 the work failed (no trial succeeded, a replay differs, a check found an error); 2 it was
asked for wrongly (an unknown option, a study file with a fault, a study that is not there); 3 the store was waited for
in vain, or failed while a study ran: the same command goes on later; 130, 143 interrupted.
"""

from __future__ import annotations


def main() -> None:
    """Run the command line and exit."""
    from trimtab.surfaces.cli.app import run  # imported when used: `trimtab.surfaces.cli` is the entry point

    run()
