"""Bringing a store file to the schema of this release."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from bridge.errors import StoreError, StoreTooNew
from bridge.store.schema import REVISION

_FOLDER = Path(__file__).with_name("migrations")


def upgrade(path: Path) -> None:
    """Create or upgrade the file. Raises StoreTooNew when a newer release wrote it, else StoreError."""
    with _told(path):
        if not _is_current(path):
            _run(path)


def check(path: Path) -> None:
    """Raises StoreTooNew, or StoreError for a file that only the daemon may create or upgrade."""
    with _told(path):
        if not path.exists():
            raise StoreError(f"there is no store {path} yet: the daemon makes it when it starts")
        if not _is_current(path):
            raise StoreError(f"{path} is of an older release: start the daemon of this one, it upgrades it")


def _is_current(path: Path) -> bool:
    found = _revision(path)
    if found is not None and found not in _known():
        raise StoreTooNew(
            f"{path} was written by a newer release (schema {found}, this one knows {REVISION}): "
            "install that release, or restore the backup made before the upgrade"
        )
    return found == REVISION


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, SQLAlchemyError, OSError) as error:
        why = getattr(error, "orig", None) or error
        raise StoreError(f"{path} cannot be used as the store: {why}") from error


def _revision(path: Path) -> str | None:
    if not path.exists():
        return None
    with closing(sqlite3.connect(path, timeout=10)) as connection:
        tables = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone()
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone() if tables else None
    return str(row[0]) if row else None


def _known() -> set[str]:
    return {file.name.split("_", 1)[0] for file in (_FOLDER / "versions").glob("*.py")}


def _run(path: Path) -> None:
    # Imported here: it is 10 MiB that a store which needs no upgrade does not pay for.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
    path.touch(mode=0o600, exist_ok=True)
    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.attributes["path"] = path
    command.upgrade(config, REVISION)
