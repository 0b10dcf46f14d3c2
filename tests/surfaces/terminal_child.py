"""Runs commands of trimtab on the terminal that it was started on: `ARGUMENT ... --then ARGUMENT ... --then`.

A record separator is written before each. With TEST_WITHOUT_RICH, rich cannot be imported.
"""

import contextlib
import os
import sys

from trimtab.surfaces.cli.app import run

if os.environ.get("TEST_WITHOUT_RICH"):
    sys.modules["rich"] = None  # type: ignore[assignment]  # the documented way to make an import fail

call: list[str] = []
for word in sys.argv[1:]:
    if word != "--then":
        call.append(word)
        continue
    sys.stdout.write("\x1e")
    sys.stdout.flush()
    sys.argv = ["trimtab", *call]
    with contextlib.suppress(SystemExit):
        run()
    call = []
