"""What a trial takes over from the one that it continues: a copy of its checkpoints, in a folder of its own.

Two trials that continue one parent must not write into one folder, and a parent may be continued again later, so what
it left is never handed on but copied. Where the file system shares blocks between files (XFS, Btrfs), a copy takes no
room.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from pathlib import Path

from trimtab.execute.protocol import Task


def take_over(task: Task) -> None:
    """Give a trial that continues another one its copy of that one's checkpoints, before its first attempt.

    Later attempts go on from what the first made of it. The copy appears in one piece: a process that dies in between
    leaves a draft, which the next attempt removes. A link into the parent's folder leads into the copy; pipes, sockets
    and devices, which hold nothing, are left out.

    Raises:
        OSError: the copy cannot be made.
    """
    mine, theirs = task.checkpoint_dir, task.resume_dir
    if theirs is None or mine.exists() or not theirs.is_dir():
        return
    for leftover in mine.parent.glob(f".{mine.name}-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    draft = mine.with_name(f".{mine.name}-{task.attempt}-{os.getpid()}")
    shutil.copytree(theirs, draft, symlinks=True, ignore=_without_content, copy_function=_copy)
    _lead_into(draft, theirs, mine)
    try:
        draft.rename(mine)
    except OSError:
        if not mine.exists():
            raise
        shutil.rmtree(draft, ignore_errors=True)  # an attempt that was given up for lost came first


def _without_content(folder: str, names: list[str]) -> set[str]:
    """Return those of `names` that are no file, folder or link: opening one may fail, or wait for ever."""
    modes = {name: os.lstat(Path(folder, name)).st_mode for name in names}
    kept = (stat.S_ISREG, stat.S_ISDIR, stat.S_ISLNK)
    return {name for name, mode in modes.items() if not any(is_kind(mode) for is_kind in kept)}


def _lead_into(draft: Path, theirs: Path, mine: Path) -> None:
    """Turn links of a copy that name a place in `theirs` in full into links to the same place in `mine`.

    Through the old ones the trial would write into its parent's checkpoints, and lose what it began with once these are
    collected. Relative links lead into the copy as they are.
    """
    for folder, folders, files in os.walk(draft):
        for link in (Path(folder, name) for name in (*folders, *files)):
            if not link.is_symlink() or not (aim := link.readlink()).is_absolute():
                continue
            for name in (theirs.absolute(), theirs.resolve()):
                if aim.is_relative_to(name):
                    link.unlink()
                    link.symlink_to(mine.absolute() / aim.relative_to(name))
                    break


def _copy(source: str, target: str) -> None:
    """Copy a file with its times and modes, sharing its blocks where that can be done."""
    with contextlib.suppress(OSError, AttributeError):  # not on this system, or not between these two files
        with Path(source).open("rb") as read, Path(target).open("xb") as write:
            left = os.fstat(read.fileno()).st_size
            while left > 0:
                done = os.copy_file_range(read.fileno(), write.fileno(), left)
                if not done:
                    break
                left -= done
        if not left:
            shutil.copystat(source, target)
            return
    shutil.copy2(source, target)
