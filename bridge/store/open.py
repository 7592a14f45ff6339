"""Opens the store that a URL names."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import anyio
import anyio.to_thread
import structlog

from bridge.errors import StoreError
from bridge.model.build import LOG_LIMIT
from bridge.model.notice import EventName, Notice, ServiceFacts
from bridge.runtime.clock import Clock, SteadyClock
from bridge.runtime.events import LogEvent
from bridge.runtime.systemd import notify
from bridge.store.base import Store
from bridge.store.sql.database import Database
from bridge.store.sql.store import SqlStore
from bridge.store.values import Redact, ServiceNoticesFor, unchanged

if TYPE_CHECKING:
    from bridge.store.postgres import database as postgres_database

SQLITE: Final = "sqlite://"
POSTGRES: Final = "postgresql://"
_AWAY: Final = "no server takes connections at store.url, and the daemon begins once one does"
_LOOK_SECONDS: Final = 1.0
_START_SECONDS: Final = 90
"""What systemd gives a start once more while the server is away."""
log = structlog.get_logger()


def no_notices(_event: EventName, _facts: ServiceFacts) -> Sequence[Notice]:
    """For who changes the health of nothing."""
    return ()


def is_made(url: str) -> bool:
    """Whether a daemon has made the store at `url`. Raises StoreError for a database that cannot be asked."""
    return postgres().is_made(url) if url.startswith(POSTGRES) else sqlite_file(url).exists()


def is_served(url: str) -> bool:
    """Whether a daemon has the store at `url` open. Raises StoreError for a database that cannot be asked."""
    if url.startswith(POSTGRES):
        return postgres().is_served(url)
    from bridge.store.sqlite.identity import StoreFile  # noqa: PLC0415  # each engine only where it is used

    return StoreFile.is_held(sqlite_file(url))


def sqlite_file(url: str) -> Path:
    """The file of a store at `sqlite://` and an absolute path. Raises StoreError for another URL."""
    if not url.startswith(SQLITE):
        scheme = url.partition("://")[0]  # what follows may hold a password
        raise StoreError(
            f"no store of the kind {scheme}:// is supported: write sqlite:// and the path of a file, or "
            "postgresql:// and the address of a database"
        )
    return Path(url.removeprefix(SQLITE))


def postgres() -> type["postgres_database.Database"]:
    """The engine of `postgresql://`. Raises StoreError where its driver is not installed."""
    try:
        from bridge.store.postgres.database import Database  # noqa: PLC0415  # an extra
    except ImportError as error:
        raise StoreError(
            f"PostgreSQL needs its driver ({error}): install it with `pip install 'buildbridge[postgres]'`"
        ) from error
    return Database


def _opened(url: str, *, exclusive: bool) -> Database:
    if url.startswith(POSTGRES):
        return postgres().open(url, exclusive=exclusive)
    from bridge.store.sqlite.database import Database as Sqlite  # noqa: PLC0415

    return Sqlite.open(sqlite_file(url), exclusive=exclusive)


async def _server_of(url: str) -> None:
    """Wait until the server takes connections. Raises StoreError where its driver is not installed."""
    postgres()
    from bridge.store.postgres.away import why_away  # noqa: PLC0415  # an extra

    before = None
    while why := await anyio.to_thread.run_sync(why_away, url):
        if why != before:
            log.error(LogEvent.STORE_AWAY, error=f"{_AWAY}: {why}")
            before = why
        notify(f"STATUS={_AWAY}", f"EXTEND_TIMEOUT_USEC={_START_SECONDS * 1_000_000}")
        await anyio.sleep(_LOOK_SECONDS)


@asynccontextmanager
async def open_store(
    url: str,
    *,
    exclusive: bool,
    clock: Clock | None = None,
    service_notices: ServiceNoticesFor = no_notices,
    redact: Redact = unchanged,
    log_limit: int = LOG_LIMIT,
) -> AsyncIterator[Store]:
    """The store at `url`, closed at the end: `sqlite://` and an absolute path, or `postgresql://` and so on.

    `exclusive` is for the daemon: it waits for a server that is away, creates or upgrades the store, and no
    second daemon can open it. Others take it as it is. `service_notices` are written with each change of
    health. What builders and channels say is stored as `redact` leaves it, and of a log at most `log_limit`
    bytes. Raises StoreError, or StoreTooNew for a store that a newer release wrote.

    What is written has the time of `clock`; a SteadyClock, as there is without one, is set by the server's.
    """
    clock = SteadyClock() if clock is None else clock
    if exclusive and url.startswith(POSTGRES):
        await _server_of(url)
    database = await anyio.to_thread.run_sync(partial(_opened, url, exclusive=exclusive))
    store = SqlStore(database, clock, service_notices, redact, log_limit)
    try:
        if database.is_shared and isinstance(clock, SteadyClock):
            asked_at = clock()
            said = await database.read(database.server_time)
            clock.follow(clock.behind_server(said or asked_at, asked_at))
        yield store
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(store.close)
