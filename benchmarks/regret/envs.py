"""Makes an environment for every optimizer that is compared, beside the project's own: .venv-peers-optuna, ...

python benchmarks/regret/envs.py               # all of them
python benchmarks/regret/envs.py optuna smac   # these

What an environment holds is said by adapters/<name>.txt; Trimtab's is the project's own, `.venv-peers`. An environment
that is up to date is left alone. One that cannot be made is named in a sentence, the others are made all the same, and
the exit code is 1.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
NAMES = sorted(path.stem for path in (HERE / "adapters").glob("*.txt"))


def folder_of(name: str) -> Path:
    """Return where the environment of an adapter lies."""
    return ROOT / (".venv-peers" if name == "trimtab" else f".venv-peers-{name}")


def python_of(name: str) -> Path:
    """Return the Python that runs an adapter."""
    return folder_of(name) / "bin" / "python"


def make(name: str) -> None:
    """Make the environment of an adapter, unless it holds what it should.

    Raises:
        CalledProcessError: an installation failed.
    """
    file = HERE / "adapters" / f"{name}.txt"
    wanted = file.read_text(encoding="utf-8")
    folder = folder_of(name)
    stamp = folder / ".stamp"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return
    print(f"making {folder.name}", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    run(sys.executable, "-m", "venv", str(folder))
    run(str(python_of(name)), "-m", "pip", "install", "--quiet", "-r", str(file))
    stamp.write_text(wanted, encoding="utf-8")


def run(*command: str) -> None:
    """Run a command quietly, without the project's own constraints.

    Raises:
        CalledProcessError: it failed; what it said is in `stderr`.
    """
    env = {key: value for key, value in os.environ.items() if key not in ("PIP_CONSTRAINT", "PIP_BUILD_CONSTRAINT")}
    subprocess.run(command, check=True, capture_output=True, text=True, env=env)


def main() -> int:
    about, *_ = (__doc__ or "").splitlines()
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("names", nargs="*", metavar="name", help=f"of {', '.join(NAMES)}")
    names = parser.parse_args().names or NAMES
    if unknown := set(names) - set(NAMES):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; known are {', '.join(NAMES)}.")
    failed = False
    for name in names:
        try:
            make(name)
        except subprocess.CalledProcessError as error:
            failed = True
            said = [line for line in error.stderr.splitlines() if line.strip()]
            print(f"{name} could not be installed: {said[-1] if said else error}", file=sys.stderr, flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
