"""How much `pip install trimtab` brings: packages and megabytes of a fresh environment.

    python benchmarks/install_size.py

Prints one JSON line; exits 1 beyond the limits. Sizes are of what pip puts into site-packages, compiled files included,
with pip's own packages left out.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

MAX_PACKAGES, MAX_MB = 10, 250
ROOT = Path(__file__).parents[1]


def size_mb(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink()) / 1e6


def main() -> int:
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
        packages = sorted(path.name.split("-")[0] for path in site.glob("*.dist-info") if path.name not in before)
        sizes = {path.name: round(size_mb(path), 1) for path in site.iterdir() if path.is_dir()}
        total = size_mb(site) - size_before
    largest = sorted(sizes.items(), key=lambda item: -item[1])
    kept = [(name, mb) for name, mb in largest if name not in ("pip", "setuptools")][:4]
    result = {"benchmark": "install_size", "packages": len(packages), "names": packages, "mb": round(total, 1)}
    print(json.dumps({**result, "largest": dict(kept), "limits": {"packages": MAX_PACKAGES, "mb": MAX_MB}}))
    return 0 if len(packages) <= MAX_PACKAGES and total <= MAX_MB else 1


if __name__ == "__main__":
    sys.exit(main())
