"""A disk so small that a test can fill it."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.needs import lacks, needs

SIZE = 64 << 20


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """An empty disk of `SIZE` bytes, mounted on `folder`."""
    mount = needs("mount")
    if os.geteuid():
        lacks("only root can mount a disk")
    folder.mkdir()
    done = subprocess.run(
        [mount, "-t", "tmpfs", "-o", f"size={SIZE}", "none", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        lacks(f"a disk cannot be mounted: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run([needs("umount"), "--lazy", str(folder)], check=True)


def fill(disk: Path, free: int) -> Path:
    """Leave so many bytes free; the file is to be deleted."""
    file = disk / "filling"
    with file.open("wb") as whole:
        os.posix_fallocate(whole.fileno(), 0, SIZE - free)
    return file
