"""What earlier builds fetched: a folder `<hash>.objects` for each clone URL and kind of history.

`git`       a bare repository; a build fetches into it, and from there into its checkout
`changing`  present while something is changed: what a killed runner left so is thrown away

The folder itself is locked by a runner while it fetches into it (alone) or from it, and by who removes it.
Its time is that of the last use. No credential is ever written there, and a checkout does not depend on it:
all that comes from there is copied and hashed again, so that damage costs a fetch and never a build.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from bridge.builders.local.folder import remove

SUFFIX: Final = ".objects"


def evict(folder: Path, limit: int) -> None:
    """Remove what was not used for longest, until the rest takes at most `limit` bytes; what is used stays.

    What alone takes more goes first.
    """
    found = [(_size(path), path) for path in folder.glob(f"*{SUFFIX}")]
    total = sum(size for size, _ in found)
    for size, path in sorted(found, key=lambda one: (one[0] <= limit, _used_at(one[1]))):
        if total <= limit:
            return
        with contextlib.suppress(OSError):
            if (held := lock(path, fcntl.LOCK_EX)) is not None:
                empty(path)
                remove(path)
                os.close(held)
                total -= size


def lock(path: Path, how: int) -> int | None:
    """A descriptor that holds the lock until it is closed; None while another process has it."""
    path.mkdir(mode=0o700, exist_ok=True)
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
        # It may have been removed meanwhile, and made anew.
        if os.path.samestat(os.fstat(descriptor), path.stat()):
            return descriptor
    except (BlockingIOError, FileNotFoundError):
        pass
    except OSError:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None


@contextmanager
def changing(path: Path) -> Iterator[None]:
    (path / "changing").touch()
    try:
        yield
    finally:
        (path / "changing").unlink(missing_ok=True)


def empty(path: Path) -> None:
    with changing(path):
        remove(path / "git")


def _size(path: Path) -> int:
    total = 0
    for parent, _, files in os.walk(path):
        for name in files:
            # A build may be fetching.
            with contextlib.suppress(OSError):
                total += Path(parent, name).lstat().st_size
    return total


def _used_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
