"""What kind of disk a file lies on."""

from __future__ import annotations

import re
from pathlib import Path

NETWORK_KINDS = frozenset(
    (
        *("nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "9p", "virtiofs", "vboxsf", "davfs"),
        *("ceph", "lustre", "gpfs", "beegfs", "glusterfs", "orangefs", "panfs"),
        *("fuse.ceph", "fuse.glusterfs", "fuse.sshfs", "fuse.s3fs", "fuse.gcsfuse", "fuse.rclone", "fuse.davfs2"),
    )
)


def disk_kind(path: Path, mounts: Path = Path("/proc/mounts")) -> str:
    """Return the file system that `path` lies on, as the kernel calls it; empty where it does not say."""
    try:
        lines = mounts.read_text("utf-8", "replace").splitlines()
    except OSError:  # not Linux
        return ""
    target = path.absolute().parent.resolve()
    best, kind = -1, ""
    for line in lines:
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        # Spaces and the like are octal escapes there.
        point = Path(re.sub(r"\\(\d{3})", lambda match: chr(int(match[1], 8)), fields[1]))
        if target.is_relative_to(point) and len(point.parts) >= best:  # the later of two mounts hides the earlier
            best, kind = len(point.parts), fields[2]
    return kind


def is_network(path: Path) -> bool:
    """Return True if `path` is known to lie on a disk that other machines share."""
    return disk_kind(path) in NETWORK_KINDS
