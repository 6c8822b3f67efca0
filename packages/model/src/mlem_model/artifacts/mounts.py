"""Which kind of file system a folder is on: kernel locks on a network exclude nobody on other machines."""

from __future__ import annotations

from pathlib import Path

MOUNTS = Path("/proc/self/mountinfo")
_NETWORK = {
    "9p",
    "afs",
    "beegfs",
    "ceph",
    "cifs",
    "glusterfs",
    "gpfs",
    "lustre",
    "ncpfs",
    "nfs",
    "nfs4",
    "ocfs2",
    "smb3",
    "smbfs",
}
_LOCAL_FUSE = {"fuse.fuse-overlayfs", "fuse.ntfs-3g", "fuse.lxcfs", "fuse.encfs", "fuse.gocryptfs"}


def network_mount(folder: Path, mounts: Path = MOUNTS) -> str | None:
    """Return the type of the network file system that a folder is on; None when it is on a disk of this machine.

    Args:
        folder: The folder; it need not exist.
        mounts: The kernel's table. Source: proc_pid_mountinfo(5).
    """
    try:
        lines = mounts.read_text().splitlines()
    except OSError:
        return None  # not Linux: nothing to look at
    resolved = folder.resolve()
    best, type_ = -1, ""
    for line in lines:
        head, _, tail = line.partition(" - ")
        point = Path(head.split()[4].encode().decode("unicode_escape"))
        # A later mount at the same point hides the earlier one.
        if resolved.is_relative_to(point) and len(point.parts) >= best:
            best, type_ = len(point.parts), tail.split()[0]
    is_network = type_ in _NETWORK or (type_.startswith("fuse.") and type_ not in _LOCAL_FUSE)
    return type_ if is_network else None
