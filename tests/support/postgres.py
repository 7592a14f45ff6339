"""A PostgreSQL server for the tests, on loopback, which ends with them and keeps nothing."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from support.daemon import eventually, free_port

_DEBIAN: Final = Path("/usr/lib/postgresql")
"""Where Debian has the programs of each release; for users they are not on the path."""
_USER: Final = "bridge"
_SETTINGS: Final = (
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "max_connections=300",
    # No row outlives the server.
    "fsync=off",
    "full_page_writes=off",
    "autovacuum=off",
)
_END_SECONDS: Final = 30


@contextmanager
def serve_postgres() -> Iterator[str]:
    """The URL of the server, without a database; its user may do everything, without a password."""
    with tempfile.TemporaryDirectory(prefix="postgres-", ignore_cleanup_errors=True) as made:
        folder = Path(made) / "data"
        folder.mkdir()
        user = _ordinary_user(folder)
        locale = ["--locale=C.UTF-8", "--encoding=UTF8"]
        initdb = [
            _program("initdb"),
            f"--username={_USER}",
            "--auth=trust",
            "--no-sync",
            *locale,
            str(folder),
        ]
        subprocess.run([*user, *initdb], check=True, timeout=120, stdout=subprocess.DEVNULL)
        port = free_port()
        command = [_program("postgres"), "-D", str(folder), "-p", str(port)]
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(
                [*user, *command, *(part for one in _SETTINGS for part in ("-c", one))], stderr=log
            )
        try:
            eventually(lambda: _answers(server, port, folder / "log"), seconds=60)
            yield f"postgresql://{_USER}@127.0.0.1:{port}"
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(_END_SECONDS)


def _ordinary_user(folder: Path) -> list[str]:
    """What a command begins with, so that it ends with this process and not even root runs it as root."""
    setpriv = ["setpriv", "--pdeathsig=INT"]
    if os.geteuid():
        return setpriv
    shutil.chown(folder, "postgres", "postgres")
    folder.parent.chmod(0o711)
    return [*setpriv, "--reuid=postgres", "--regid=postgres", "--init-groups"]


def _program(name: str) -> str:
    found = sorted(_DEBIAN.glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3]))
    program = str(found[-1]) if found else shutil.which(name)
    if program is None:
        raise FileNotFoundError(f"there is no {name}: install PostgreSQL (Debian's package `postgresql`)")
    return program


def _answers(server: "subprocess.Popen[bytes]", port: int, log: Path) -> bool:
    if server.poll() is not None:
        raise RuntimeError(f"PostgreSQL has ended: {log.read_text()}")
    asked = [_program("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port), "-d", "postgres", "-U", _USER]
    return subprocess.run(asked, check=False, timeout=30).returncode == 0
