"""PostgreSQL servers for the tests, on loopback, which end with them and keep nothing."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from support.ports import free_port
from support.waiting import eventually

if TYPE_CHECKING:
    from psycopg import Connection  # an extra

_DEBIAN: Final = Path("/usr/lib/postgresql")
"""Where Debian has the programs of each release; for users they are not on the path."""
_USER: Final = "bridge"
_LOGINS: Final = """
host all locked 127.0.0.1/32 scram-sha-256
hostnossl all sealed 127.0.0.1/32 reject
"""
"""What comes before the rule that trusts everyone: users who need a password, or TLS."""
_SETTINGS: Final = ("listen_addresses=127.0.0.1", "unix_socket_directories=", "max_connections=300")
_FORGETFUL: Final = ("fsync=off", "full_page_writes=off", "autovacuum=off")
"""What is left out: it would keep rows that no test asks for again."""
_END_SECONDS: Final = 30


class Server:
    """A server in a folder of its own, which a test may stop and start again."""

    def __init__(self, folder: Path, *, durable: bool, primary: "Server | None" = None) -> None:
        """With `primary`, which has to be stopped, it is a standby that has what that has now."""
        self._folder = folder / "data"
        self._folder.mkdir()
        self._user = _ordinary_user(self._folder)
        self._port = free_port()
        self._settings = _SETTINGS if durable else _SETTINGS + _FORGETFUL
        self._process: subprocess.Popen[bytes] | None = None
        if primary is not None:
            subprocess.run(["cp", "-a", f"{primary._folder}/.", self._folder], check=True, timeout=120)
            (self._folder / "standby.signal").touch()
            return
        kind = ["--auth=trust", "--no-sync", "--locale=C.UTF-8", "--encoding=UTF8", f"--username={_USER}"]
        initdb = [*self._user, _program("initdb"), *kind, str(self._folder)]
        subprocess.run(initdb, check=True, timeout=120, stdout=subprocess.DEVNULL)
        logins = self._folder / "pg_hba.conf"
        logins.write_text(_LOGINS + logins.read_text())

    @property
    def url(self) -> str:
        """Without a database; its user may do everything, without a password."""
        return f"postgresql://{_USER}@127.0.0.1:{self._port}"

    @property
    def port(self) -> int:
        return self._port

    @property
    def runs(self) -> bool:
        return self._process is not None

    def start(self) -> None:
        """Start, and wait until it answers; it ends with the thread that calls this."""
        settings = [part for one in self._settings for part in ("-c", one)]
        command = [_program("postgres"), "-D", str(self._folder), "-p", str(self._port), *settings]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen([*self._user, *command], stderr=log)
        eventually(self._answers, seconds=60)

    def restart(self, how: signal.Signals = signal.SIGINT) -> None:
        self.stop(how)
        self.start()

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT is PostgreSQL's fast shutdown, SIGQUIT its immediate one, after which it has to recover."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(_END_SECONDS)
            self._process = None

    def make_database(self, options: str = "") -> str:
        """The URL of a new database."""
        name = f"bridge_{uuid4().hex}"
        self.execute("postgres", f"CREATE DATABASE {name} {options}")
        return f"{self.url}/{name}"

    def execute(self, database: str, statement: str) -> list[tuple[Any, ...]]:
        """What another session does, and the rows that it gets."""
        import psycopg  # noqa: PLC0415  # an extra

        with psycopg.connect(f"{self.url}/{database}", autocommit=True) as connection:
            done = connection.execute(statement.encode())
            return done.fetchall() if done.description else []

    def _answers(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise RuntimeError(f"PostgreSQL has ended: {(self._folder / 'log').read_text()}")
        where = ["-h", "127.0.0.1", "-p", str(self._port), "-d", "postgres", "-U", _USER]
        asked = [_program("pg_isready"), "-q", *where]
        return subprocess.run(asked, check=False, timeout=30).returncode == 0


@contextmanager
def at_work(session: "Connection[Any]") -> Iterator[None]:
    """Have a session be at work until the block ends: one that has its turn and is silent loses it."""
    session.pgconn.send_query(b"SELECT pg_sleep(600)")
    try:
        yield
    finally:
        session.cancel()
        while session.pgconn.get_result():
            pass


@contextmanager
def serve_postgres(
    *, durable: bool = False, parent: Path | None = None, primary: Server | None = None
) -> Iterator[Server]:
    """A server that has started; `durable` where what it takes to keep rows is to be measured."""
    with tempfile.TemporaryDirectory(prefix="postgres-", dir=parent, ignore_cleanup_errors=True) as made:
        server = Server(Path(made), durable=durable, primary=primary)
        try:
            server.start()
            yield server
        finally:
            server.stop()


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
