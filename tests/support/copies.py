"""A store to copy, and what is in it and in its copy."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
from support.filled import add_long_log, fill, fill_lists
from support.listed import add_notice
from support.scripted import Store, delivery_of

from bridge.store.schema import metadata

Rows = dict[str, list[tuple[Any, ...]]]


async def fill_all(store: Store, builds: int = 60) -> None:
    """Some of everything that a store has many of, and what is odd."""
    first = await fill(store, builds, teams=3)
    await add_long_log(store, first, 3)
    await fill_lists(store)
    await add_notice(store, "n-1", first)
    odd = {"body": bytes(range(256)) * 9, "headers": {"x": "构建 \\ ' \" \t\n% ?"}, "event": "\\N"}
    await store.deliveries.put(delivery_of("odd", store.clock() + 0.1, **odd))


def execute(url: str, statement: str) -> list[tuple[Any, ...]]:
    """What another program does to the store at a URL."""
    if url.startswith("sqlite://"):
        with closing(sqlite3.connect(url.removeprefix("sqlite://"), isolation_level=None)) as connection:
            return connection.execute(statement).fetchall()
    with psycopg.connect(url, autocommit=True) as connection:
        done = connection.execute(statement.encode())
        return done.fetchall() if done.description else []


def content(url: str) -> Rows:
    """All rows of all tables, sorted; columns in the order of the schema."""
    found = {}
    for table in metadata.sorted_tables:
        names = ", ".join(f'"{column.name}"' for column in table.columns)
        found[table.name] = sorted(execute(url, f'SELECT {names} FROM "{table.name}"'), key=repr)
    return found


def layout(path: Path) -> list[tuple[Any, ...]]:
    """The tables and indexes of a file, and the numbers that it has given."""
    url = f"sqlite://{path}"
    kept = execute(url, "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name")
    return kept + execute(url, "SELECT name, seq FROM sqlite_sequence ORDER BY name")
