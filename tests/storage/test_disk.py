"""The kind of a disk, from the kernel's table of mounts."""

from pathlib import Path

import pytest

from trimtab.storage import disk

MOUNTS = """\
/dev/vda / ext4 rw 0 0
proc /proc proc rw 0 0
server:/home /home nfs4 rw 0 0
//nas/my\\040share /mnt/my\\040share cifs rw 0 0
tmpfs /home/fast tmpfs rw 0 0
broken line
host: /mnt/ssh fuse.sshfs rw 0 0
/dev/a /twice ext4 rw 0 0
nas:/b /twice nfs rw 0 0
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/x.db", "ext4"),
        ("/home/ada/x.db", "nfs4"),
        ("/home/fast/x.db", "tmpfs"),
        ("/homework/x.db", "ext4"),
        ("/mnt/my share/x.db", "cifs"),
        ("/mnt/ssh/deep/er/x.db", "fuse.sshfs"),
        ("/twice/x.db", "nfs"),
    ],
)
def test_the_nearest_mount_tells_the_kind(tmp_path: Path, path: str, kind: str) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(MOUNTS)
    assert disk.disk_kind(Path(path), mounts) == kind
    assert (kind in disk.NETWORK_KINDS) == (kind in ("nfs4", "cifs", "fuse.sshfs", "nfs"))


def test_where_the_kernel_does_not_say(tmp_path: Path) -> None:
    assert disk.disk_kind(tmp_path / "x.db", tmp_path / "no such table") == ""
