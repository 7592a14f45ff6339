"""Backups: a whole copy of the store in one file, made while a daemon writes, and verified.

The copy is of one moment: one read transaction lasts for all of it. SQLite begins a copy again when another
process writes between two steps of it, unless that transaction stands. It keeps nobody from writing; only the
log of writes grows meanwhile.

Beside the tables of the store a backup has the table `backup`: when it was made, by which release, and the
key of the API's tokens. By this table it is known, so no daemon takes a backup for its store.
"""

import fcntl
import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import quote

from bridge.errors import StoreError
from bridge.store.sqlite import migrate
from bridge.store.sqlite.database import BUSY_SECONDS

Progress = Callable[[int, int], None]
"""Takes how many bytes are copied, and how many there are."""

_PAGES: Final = 1024
"""The pages of one step: a few MiB, so that the disk serves the daemon between two of them."""
_REST: Final = 0.25
"""Of the time of a step, so much is left to the daemon after it."""
_SYNC_BYTES: Final = 32 << 20
"""So much is left to the disk at once: all of it at the end would keep the daemon waiting for seconds."""
_COUNTED: Final = ("delivery", "build", "notice")


@dataclass(frozen=True, slots=True)
class Backup:
    """What is in the file of a backup, or of a store.

    `made_at` is in Unix seconds, `schema` the revision of its tables, `rows` how many deliveries, builds and
    notices it has. A file that `db backup` has not made has no `made_at`, `release` and `api_key`.
    """

    size: int
    schema: str
    rows: dict[str, int]
    made_at: float | None = None
    release: str | None = None
    api_key: str | None = None


def back_up(
    store: Path, file: Path, *, api_key: str | None, release: str, now: float, progress: Progress
) -> Backup:
    """Copy the store into `file`, which appears when it is complete, verified and on disk.

    It replaces an earlier backup of that name, and no other file. Raises StoreError.
    """
    with _file_errors(file):
        if file.exists() and not is_backup(file):
            raise StoreError(f"{file} is there and is no backup: name another file")
        if not store.exists():
            raise StoreError(f"there is no store {store} yet: the daemon makes it when it starts")
        require_room(file.parent, stored_bytes(store))
        with part_of(file) as (part, descriptor):
            copy(store, part, descriptor, progress)
            with closing(sqlite3.connect(part, isolation_level=None)) as connection:
                _mark(connection, api_key, release, now)
            os.fsync(descriptor)
            made = verify(part, shown=store)
            part.replace(file)
        sync_folder(file.parent)
    return made


def stored_bytes(store: Path) -> int:
    """What a copy of the store takes at most: its file, and its log of writes."""
    files = (store, Path(f"{store}-wal"))
    return sum(file.stat().st_size for file in files if file.exists())


def require_room(folder: Path, size: int) -> None:
    """Raises StoreError where the disk has no room for so many bytes, and OSError."""
    free, needed = shutil.disk_usage(folder).free >> 20, (size >> 20) + 1
    if free < needed:
        raise StoreError(f"{folder} has {free} MiB free of the {needed} MiB that are needed: make room there")


@contextmanager
def part_of(file: Path) -> Iterator[tuple[Path, int]]:
    """An empty file beside this one to make it in, for its owner only, and its descriptor.

    The caller gives it its name; if it raises, the file is gone. One that was left behind by a process that
    was killed is used again. Raises StoreError, OSError.
    """
    part = file.with_name(f".{file.name}.part")
    descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        _take(part, descriptor)
        try:
            yield part, descriptor
        except BaseException:
            for name in (part, Path(f"{part}-journal")):
                name.unlink(missing_ok=True)
            raise
    finally:
        os.close(descriptor)


def _take(part: Path, descriptor: int) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Whoever held it until now may have given it its name.
        taken = os.path.samestat(os.fstat(descriptor), part.stat())
    except (BlockingIOError, FileNotFoundError):
        taken = False
    if not taken:
        raise StoreError(f"{part} is being written by another command: wait for that one")
    if os.fstat(descriptor).st_uid != os.geteuid():
        raise StoreError(f"{part} belongs to another user: delete it")
    os.fchmod(descriptor, 0o600)
    os.ftruncate(descriptor, 0)


def copy(source: Path, target: Path, descriptor: int, progress: Progress) -> None:
    """Copy all of an SQLite file into an empty one with this descriptor. Raises sqlite3.Error, OSError."""
    pace = _Pace(descriptor, progress)
    with closing(_connect(source)) as read, closing(sqlite3.connect(target, isolation_level=None)) as written:
        page = int(read.execute("PRAGMA page_size").fetchone()[0])
        # The file is of no use until it is complete: then all of it is synced.
        written.execute("PRAGMA synchronous=OFF")
        written.execute("PRAGMA journal_mode=OFF")
        read.execute("BEGIN")
        read.execute("SELECT count(*) FROM sqlite_master").fetchone()  # the transaction begins by a read
        read.backup(written, pages=_PAGES, progress=partial(pace, page))
        # A store has its log of writes beside it; this file stands alone.
        written.execute("PRAGMA journal_mode=DELETE")


class _Pace:
    """Called after each step of a copy; leaves the disk to others for a while."""

    def __init__(self, descriptor: int, progress: Progress) -> None:
        self._descriptor = descriptor
        self._progress = progress
        self._synced = 0
        self._began = time.monotonic()

    def __call__(self, page: int, _status: int, remaining: int, total: int) -> None:
        done = (total - remaining) * page
        if done - self._synced >= _SYNC_BYTES:
            os.fdatasync(self._descriptor)
            self._synced = done
        self._progress(done, total * page)
        time.sleep((time.monotonic() - self._began) * _REST)
        self._began = time.monotonic()


def is_backup(file: Path) -> bool:
    """Whether `db backup` has made this file."""
    with suppress(sqlite3.Error), closing(_connect(file, alone=True)) as connection:
        return migrate.is_backup(connection)
    return False


def verify(file: Path, shown: Path | None = None) -> Backup:
    """Read all of a file that nobody writes to. Raises StoreError for one that is damaged or no store.

    Errors name the file as `shown`, or else by its name.
    """
    shown = shown or file
    try:
        with closing(_connect(file, alone=True)) as connection:
            schema = migrate.version(connection)
            if schema is None:
                raise StoreError(f"{shown} is no backup and no store of Buildbridge")
            if found := damage(connection):
                raise StoreError(f"{shown} is damaged: {found[0]}")
            rows = {
                name: int(connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0])  # noqa: S608
                for name in _COUNTED
            }
            mark = "SELECT made_at, release, api_key FROM backup"
            facts = connection.execute(mark).fetchone() if migrate.is_backup(connection) else ()
            return Backup(file.stat().st_size, schema, rows, *facts)
    except sqlite3.Error as error:
        raise StoreError(f"{shown} cannot be read as a backup: {error}") from error


def damage(connection: sqlite3.Connection) -> list[str]:
    """What SQLite finds wrong in the file, at most a hundred sentences; reads all of it."""
    connection.text_factory = lambda text: text.decode(errors="backslashreplace")
    found = [str(row[0]) for row in connection.execute("PRAGMA integrity_check(100)")]
    if found != ["ok"]:
        return found
    rows = connection.execute("PRAGMA foreign_key_check").fetchmany(100)
    return [f"a row of {table} has lost its row of {parent}" for table, _, parent, _ in rows]


def _mark(connection: sqlite3.Connection, api_key: str | None, release: str, now: float) -> None:
    connection.execute("DROP TABLE IF EXISTS backup")
    connection.execute("CREATE TABLE backup (made_at REAL NOT NULL, release TEXT NOT NULL, api_key TEXT)")
    connection.execute("INSERT INTO backup VALUES (?, ?, ?)", (now, release, api_key))


def _connect(file: Path, *, alone: bool = False) -> sqlite3.Connection:
    """To read. A file that stands `alone` needs no file beside it, and gets none.

    A store is opened as its daemon does it, which may find a log of writes that a killed one has left.
    """
    if not alone:
        connection = sqlite3.connect(file, isolation_level=None, timeout=BUSY_SECONDS)
        connection.execute("PRAGMA query_only=ON")
        return connection
    return sqlite3.connect(f"file:{quote(str(file))}?mode=ro", uri=True, isolation_level=None)


def sync_folder(folder: Path) -> None:
    """Have the names in the folder on disk. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _file_errors(file: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise StoreError(f"no backup was made: {error}") from error
    except OSError as error:
        place = error.filename or file
        raise StoreError(f"no backup was made: {place}: {error.strerror or error}") from error
