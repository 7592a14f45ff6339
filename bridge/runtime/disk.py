"""Free space on the disks of this machine, and what shows that a file has changed; paths need not exist."""

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


def file_state(file: str | Path) -> tuple[object, object]:
    """The identity of a file, the same by every link, and the state that shows a change of what is in it."""
    try:
        found = os.stat(file)  # noqa: PTH116  # called for ten thousand files every few seconds
    except OSError as error:
        return str(file), error.errno
    return (found.st_dev, found.st_ino), (found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def size_text(count: int) -> str:
    """A number of bytes, for people: 512 MiB."""
    for size, unit in _UNITS:
        if count >= size:
            return f"{count / size:.4g} {unit}"
    return f"{count} B"
