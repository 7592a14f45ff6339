"""The socket file by which a command on this machine reaches the daemon of a store.

Only the user of the daemon, and root, may connect. The path of a socket may have 107 bytes only: it is
reached through an open folder, so that the store may lie deeper.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

from bridge.runtime.events import LogEvent

log = structlog.get_logger()


@contextmanager
def listening_locally(file: Path) -> Iterator[socket.socket | None]:
    """A socket that listens there; None where the disk knows no socket files, which is logged.

    Whoever calls this holds the store: a file that is there is that of a process that was killed.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as listener:
        try:
            file.unlink(missing_ok=True)
            with _address(file) as address:
                listener.bind(address)
                # Before anyone can connect, which takes `listen`.
                file.chmod(0o600)
            listener.listen()
        except OSError as error:
            log.warning(LogEvent.SERVER_LOCAL_FAILED, file=str(file), error=error.strerror)
            yield None
            return
        try:
            yield listener
        finally:
            file.unlink(missing_ok=True)


def connect_locally(file: Path, seconds: float) -> socket.socket:
    """A connection, on which each call may take `seconds`. Raises OSError."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        connection.settimeout(seconds)
        with _address(file) as address:
            connection.connect(address)
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def _address(file: Path) -> Iterator[str]:
    folder = os.open(file.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{file.name}"
    finally:
        os.close(folder)
