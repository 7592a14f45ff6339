"""Backup, restore and check of the store that a URL names, whatever its engine."""

from pathlib import Path

from bridge.errors import StoreError
from bridge.store.open import POSTGRES, postgres, sqlite_file
from bridge.store.schema import REVISION
from bridge.store.sql.examined import Examined, Glance
from bridge.store.sqlite import backup, examine, migrate, restore
from bridge.store.sqlite.backup import Backup, Progress
from bridge.store.sqlite.restore import Restored

__all__ = [
    "Backup",
    "Examined",
    "Glance",
    "Progress",
    "Restored",
    "back_up",
    "check",
    "glance",
    "put_back",
    "require_usable",
]


def back_up(
    url: str, file: Path, *, api_key: str | None, release: str, now: float, progress: Progress
) -> Backup:
    """As `backup.back_up`. Raises StoreError."""
    return backup.back_up(_file(url), file, api_key=api_key, release=release, now=now, progress=progress)


def put_back(file: Path, url: str, *, resume: bool, now: float, progress: Progress) -> Restored:
    """As `restore.restore`. Raises StoreError, StoreTooNew."""
    return restore.restore(file, _file(url), resume=resume, now=now, progress=progress)


def check(url: str, now: float) -> Examined:
    """As `examine.examine`. Raises StoreError, StoreTooNew."""
    if url.startswith(POSTGRES):
        return postgres().examine(url, now)
    return examine.examine(sqlite_file(url), now)


def glance(url: str, seconds: float) -> Glance:
    """As `examine.glance`, of a store that is a file. Raises StoreError."""
    return examine.glance(sqlite_file(url), seconds)


def require_usable(url: str) -> str:
    """The schema of a store that this release can open as it is. Raises StoreError, StoreTooNew."""
    if url.startswith(POSTGRES):
        postgres().check(url)
    else:
        migrate.check(sqlite_file(url))
    return REVISION


def _file(url: str) -> Path:
    """The file of a store that is one. Raises StoreError."""
    if url.startswith(POSTGRES):
        raise StoreError(
            "the store is a PostgreSQL database: back it up with `pg_dump`, put it back with `pg_restore`, "
            "and keep the key of the API's tokens with it"
        )
    return sqlite_file(url)
