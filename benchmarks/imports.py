"""What `import trimtab` adds to a program that has numpy: milliseconds, and libraries.

    python benchmarks/imports.py

The time is the one that `python -X importtime -c "import numpy, trimtab"` gives for trimtab, the parts of numpy that
trimtab is the first to need included; the best of seven fresh interpreters.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys

from _figures import Figures

UNWANTED = ("aiohttp", "click", "httpx", "pandas", "requests", "rich", "scipy", "sqlalchemy", "starlette", "uvicorn")
LIST = "import json, sys; {}; print(json.dumps(sorted({{name.partition('.')[0] for name in sys.modules}})))"


def milliseconds() -> float:
    command = [sys.executable, "-X", "importtime", "-c", "import numpy, trimtab"]
    report = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    found = re.search(r"\| +(\d+) \| trimtab$", report, re.MULTILINE)
    if found is None:
        raise SystemExit(f"no line of trimtab in what python -X importtime says:\n{report}")
    return int(found[1]) / 1e3


def loaded(statement: str) -> set[str]:
    done = subprocess.run([sys.executable, "-c", LIST.format(statement)], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


def main() -> int:
    figures = Figures(__file__, __doc__)
    milliseconds()  # compiles and caches what has changed
    figures.add("import trimtab, over numpy alone", min(milliseconds() for _ in range(7)), "ms", at_most=100)
    packages = loaded("import numpy, trimtab")
    unwanted = [name for name in UNWANTED if name in packages]
    figures.add(f"loaded of {', '.join(UNWANTED)}", len(unwanted), "packages", at_most=0)
    return figures.close()


if __name__ == "__main__":
    sys.exit(main())
