"""Where the files of a study lie: logs of every attempt, checkpoints of every trial."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

from trimtab.storage.url import files_dir


class Files:
    """The folders of one study, beside its store. Nothing is made before it is used.

    A study in memory has none to lie beside; its files go to a temporary folder, which is removed with the process.
    """

    def __init__(self, url: str, study: str, id: str = "") -> None:
        self._beside = files_dir(url)
        self._folder = f"{_slug(study)}-{id}" if id else _slug(study)
        self._base: Path | None = None

    @property
    def is_kept(self) -> bool:
        """Whether the study, and its files, outlive this process."""
        return self._beside is not None

    @property
    def base(self) -> Path:
        """The study's folder."""
        if self._base is None:
            self._base = (self._beside or _temporary()) / self._folder
        return self._base

    def checkpoint(self, number: int) -> Path:
        """Return the checkpoint folder of a trial, which all its attempts share."""
        return Path(f"{self.base}/lines/{number:06d}")

    def attempt(self, number: int, attempt: int) -> Path:
        """Return the folder of one attempt at a trial, with its stdout.log and stderr.log."""
        return Path(f"{self.base}/trials/{number:06d}/attempt-{attempt}")


_made: dict[int, Path] = {}


def _temporary() -> Path:
    """Return this process's temporary folder, which goes when the process goes."""
    pid = os.getpid()
    if pid not in _made:
        import atexit
        import shutil
        import tempfile

        folder = Path(tempfile.gettempdir()).absolute() / f"trimtab-{pid}-{os.urandom(4).hex()}"
        _made[pid] = folder

        def remove() -> None:
            if os.getpid() == pid:
                shutil.rmtree(folder, ignore_errors=True)

        atexit.register(remove)
    return _made[pid]


def _slug(name: str) -> str:
    """Return a file name for a study's name; what cannot stand in one is replaced, and a hash keeps names apart."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", name)[:80]
    if plain == name and plain.strip("."):
        return plain
    return f"{plain.strip('.')}-{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"
