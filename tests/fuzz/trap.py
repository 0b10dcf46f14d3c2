"""What must never be imported because a log or a study file says so: it notes that it was."""

from __future__ import annotations

import os
from pathlib import Path

Path(os.environ["TRIMTAB_TRAP"]).write_text("sprung")


class Engine:
    def __init__(self, *arguments, **options):
        Path(os.environ["TRIMTAB_TRAP"]).write_text("sprung")

    init = tell = ask = to_json = assign = judge = __init__


def fire(*arguments, **options):
    Path(os.environ["TRIMTAB_TRAP"]).write_text("sprung")
