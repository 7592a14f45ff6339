"""Free space on the disks of this machine; paths need not exist yet."""

import os
from pathlib import Path
from typing import Final

_UNITS: Final = ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))


def free_bytes(path: Path) -> int:
    """What this user may still write to the disk of `path`. Raises OSError."""
    disk = os.statvfs(nearest(path))
    return disk.f_bavail * disk.f_frsize


def same_disk(one: Path, other: Path) -> bool:
    """Raises OSError."""
    return nearest(one).stat().st_dev == nearest(other).stat().st_dev


def nearest(path: Path) -> Path:
    """The path, or the lowest folder above it that exists, as far as this user can see."""
    return next((one for one in (path, *path.parents) if _exists(one)), Path("/"))


def _exists(path: Path) -> bool:
    try:
        path.stat()
    except OSError:
        return False
    return True


def size_text(count: int) -> str:
    """A number of bytes, for people: 512 MiB."""
    for size, unit in _UNITS:
        if count >= size:
            return f"{count / size:.4g} {unit}"
    return f"{count} B"
