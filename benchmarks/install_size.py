"""What `pip install trimtab` brings, the command line included: packages and megabytes of a fresh environment.

    python benchmarks/install_size.py

Sizes are of what pip puts into site-packages, compiled files included, with pip's own packages left out.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from _figures import Figures

ROOT = Path(__file__).parents[1]


def size_mb(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink()) / 1e6


def main() -> int:
    figures = Figures(__file__, __doc__)
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = Path(folder, "bin", "python")
        ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
        site = Path(subprocess.check_output([python, "-c", ask], text=True).strip())
        before, size_before = {path.name for path in site.glob("*.dist-info")}, size_mb(site)
        subprocess.run(
            [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", ROOT],
            check=True,
            stdout=sys.stderr,
        )
        subprocess.run([Path(folder, "bin", "trimtab"), "--version"], check=True, stdout=sys.stderr)
        packages = sorted(path.name.split("-")[0] for path in site.glob("*.dist-info") if path.name not in before)
        total = size_mb(site) - size_before
    figures.add(f"installed: {', '.join(packages)}", len(packages), "packages", at_most=10)
    figures.add("their size", total, "MB", at_most=250)
    return figures.close()


if __name__ == "__main__":
    sys.exit(main())
