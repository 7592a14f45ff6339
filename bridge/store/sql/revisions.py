"""The revisions of the schema that this release knows, and the way from one to the next."""

from pathlib import Path
from typing import Final

from sqlalchemy import Connection

from bridge.errors import StoreError, StoreTooNew
from bridge.store.schema import REVISION

MIGRATION_SECONDS: Final = 3600.0
ROOT: Final = Path(__file__).parents[3]
"""Where the package is, for a process that applies migrations."""
COPYING: Final = "copying"
"""The table that a store has until the copy into it is complete."""
_FOLDER: Final = Path(__file__).parents[1] / "migrations"


def require_known(store: object, schema: str | None, cure: str) -> None:
    """Raises StoreTooNew, with what to do, for a revision that this release does not know."""
    if schema is not None and schema not in _known():
        raise StoreTooNew(
            f"{store} was written by a newer release (schema {schema}, this one knows {REVISION}): {cure}"
        )


def half_copy(store: object) -> StoreError:
    """What is said of a store that has the table of a copy."""
    return StoreError(
        f"{store} is a copy that is not complete: run `buildbridge db copy` again, it goes on from there"
    )


def apply(connection: Connection, to: str) -> None:
    """Apply the migrations up to a revision, all or none, in this process. Raises as SQLAlchemy does."""
    from alembic import command  # noqa: PLC0415  # not for the daemon's process
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, to)


def _known() -> set[str]:
    return {file.name.split("_", 1)[0] for file in (_FOLDER / "versions").glob("*.py")}
