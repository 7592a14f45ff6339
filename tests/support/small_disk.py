"""A disk so small that a test can fill it."""

import fcntl
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from support.needs import lacks, needs

MIB = 1 << 20
_SIZE = 64 * MIB
_MARGIN = 16 * MIB
_PRESENT = (Path("/dev/shm"), Path("/dev"), Path("/run"))
"""Where containers have small disks of their own, even those in which nobody may mount one."""


@dataclass(frozen=True)
class Disk:
    """A folder on a disk of its own: it has at least `enough` bytes until it is filled, and less after."""

    folder: Path
    enough: int

    def fill(self) -> Path:
        """Leave less than `enough`; the file is to be deleted."""
        file = self.folder / "filling"
        with file.open("wb") as whole:
            os.posix_fallocate(whole.fileno(), 0, 2 * _MARGIN)
        return file


@contextmanager
def small_disk(folder: Path) -> Iterator[Disk]:
    """A disk mounted on `folder`, or else one that is there and has less room than that of `folder`."""
    mount, umount = needs("mount"), needs("umount")
    folder.mkdir()
    tmpfs = [mount, "-t", "tmpfs", "-o", f"size={_SIZE}", "none", str(folder)]
    if subprocess.run(tmpfs, capture_output=True, check=False).returncode:
        with _present(_free(folder)) as disk:
            yield disk
        return
    try:
        yield Disk(folder, _SIZE - _MARGIN)
    finally:
        subprocess.run([umount, "--lazy", str(folder)], check=True)


@contextmanager
def _present(room: int) -> Iterator[Disk]:
    """A folder on a disk that is there and has less than `room`; no other test fills it meanwhile."""
    for place in _PRESENT:
        if os.access(place, os.W_OK | os.X_OK) and 3 * _MARGIN <= _free(place) < room - _SIZE:
            break
    else:
        lacks("a disk cannot be mounted, and none is small")
    descriptor = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with TemporaryDirectory(dir=place) as folder:
            yield Disk(Path(folder), (_free(place) - _MARGIN) // MIB * MIB)
    finally:
        os.close(descriptor)


def _free(place: Path) -> int:
    found = os.statvfs(place)
    return found.f_bavail * found.f_frsize
