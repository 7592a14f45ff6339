"""The folder of what one node keeps on its machine: it has a name that stays, and one process at a time."""

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from uuid import uuid4

from bridge.errors import StoreError

_LENGTH: Final = 32


def node_name(port: int) -> str:
    """What people call the node of this machine that listens on the port."""
    return f"{socket.gethostname()}:{port}"


@contextmanager
def held(file: Path) -> Iterator[str]:
    """Hold what `file` stands for: yields the name in it, which it gets the first time. Raises StoreError."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        place = error.filename or file
        raise StoreError(f"{place}: {error.strerror}: a node needs a folder that it may write") from error
    with os.fdopen(descriptor, "r+") as opened:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise StoreError(
                f"{file.parent} is in use by another daemon: stop that one, or name another store.folder"
            ) from None
        name = opened.read(_LENGTH)
        if len(name) != _LENGTH or not name.isalnum():
            name = uuid4().hex
            opened.seek(0)
            opened.truncate()
            opened.write(name)
            opened.flush()
            os.fsync(descriptor)
        yield name
