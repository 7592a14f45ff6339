"""Bringing a store file to the schema of this release."""

import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from bridge.errors import StoreError, StoreTooNew
from bridge.store.schema import REVISION

_FOLDER = Path(__file__).with_name("migrations")


def upgrade(path: Path) -> None:
    """Create or upgrade the file. Raises StoreTooNew when a newer release wrote it, else StoreError."""
    try:
        found = _revision(path)
        if found == REVISION:
            return
        if found is not None and found not in _known():
            raise StoreTooNew(
                f"{path} was written by a newer release (schema {found}, this one knows {REVISION}): "
                "install that release, or restore the backup made before the upgrade"
            )
        _run(path)
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
