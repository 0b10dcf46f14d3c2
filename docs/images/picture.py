"""Draw what a command prints on a terminal as docs/images/tune.svg.

python examples/digits.py 2>&1 | python docs/images/picture.py "make tune"
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

WIDTH = 118


def main() -> None:
    """Draw standard input below the command that printed it."""
    console = Console(record=True, width=WIDTH, file=sys.stderr)
    console.print(Text("$ ", "bold green") + Text(sys.argv[1], "bold"))
    for line in sys.stdin.read().splitlines():
        console.print(Text(line, no_wrap=True, overflow="ellipsis"))
    drawn = console.export_svg(title="trimtab")
    # Fonts would be fetched from another server: the reader's own monospace does.
    drawn = re.sub(r"@font-face \{.*?\}\s*", "", drawn, flags=re.DOTALL)
    Path(__file__).with_name("tune.svg").write_text(drawn, encoding="utf-8")


if __name__ == "__main__":
    main()
