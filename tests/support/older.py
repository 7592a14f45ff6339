"""Stores as earlier releases have left them."""

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from bridge.store.sqlite import migrate

_LATER = (
    *((table, "turn") for table in ("delivery", "notice", "ref_move")),
    ("node", "key_ids"),
    ("idempotency_key", "node_id"),
    ("idempotency_key", "held_at"),
)
"""The columns that came with revision 0040, and after it."""


def make_older(
    path: Path, revision: str, monkeypatch: pytest.MonkeyPatch, *, of: Path, tables: Sequence[str]
) -> None:
    """Make a store at a revision, with what the store `of` has in these tables, as they were then."""
    path.parent.mkdir()
    with monkeypatch.context() as old:
        old.setattr(migrate, "REVISION", revision)
        migrate.apply_migrations(path)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("ATTACH ? AS newer", (str(of),))
        for table in tables:
            names = ", ".join(row[1] for row in connection.execute(f"PRAGMA main.table_info({table})"))
            connection.execute(f"INSERT INTO {table} ({names}) SELECT {names} FROM newer.{table}")


def set_back(execute: Callable[[str], object]) -> None:
    """Have a PostgreSQL database, to which `execute` gives statements, be as at revision 0039."""
    for table, column in _LATER:
        execute(f"ALTER TABLE {table} DROP COLUMN {column}")
    execute("UPDATE alembic_version SET version_num = '0039'")
