"""The options of listings that say from when on, and pages that are read until enough was found."""

import re
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Final, TypeVar

import click
from pydantic import TypeAdapter, ValidationError

from bridge.cli.speech import tell
from bridge.config.types import Duration
from bridge.runtime.clock import system_clock
from bridge.store.values import Cursor, Page

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

MAX_READ: Final = 10_000
"""So many rows are looked through for those that no index finds."""
_PAGE: Final = 1000
_NEWEST: Final = Cursor()
_AGE: Final = re.compile(r"[0-9]+[a-z]+")


def _moment(_context: click.Context, _option: click.Parameter, value: str | None) -> float | None:
    if value is None:
        return None
    try:
        if _AGE.fullmatch(value):
            age: Any = TypeAdapter(Duration).validate_python(value)
            return system_clock() - float(age.total_seconds())
        return datetime.fromisoformat(value).astimezone().timestamp()
    except (ValidationError, ValueError, OverflowError):
        raise click.BadParameter(
            f"{value} is neither a time, such as 2026-11-21T08:00:00+08:00, nor an age, such as 30m, 2h or 5d"
        ) from None


def since_option(
    name: str = "--since", text: str = "From this time on: an age, such as 2h, or ISO 8601."
) -> Callable[[F], F]:
    """An option whose value is in Unix seconds."""
    return click.option(name, callback=_moment, metavar="TIME", help=text)


async def newest(
    page: Callable[[Cursor, int], Awaitable[Page[T]]],
    key: Callable[[T], str],
    at: Callable[[T], float],
    *,
    limit: int,
    since: float | None = None,
    begin: Cursor = _NEWEST,
    wanted: Callable[[T], bool] | None = None,
) -> list[T]:
    """The newest rows, at most `limit`: those that are `wanted`, and not older than `since`.

    They come after `begin`. `key` is what rows are ordered by, `at` when they were made. Of more than 10 000
    rows, the newest are looked through, and a line says so.
    """
    found: list[T] = []
    cursor, read = begin, 0
    while read < MAX_READ:
        rows = (await page(cursor, min(limit, _PAGE) if wanted is None else _PAGE)).rows
        young = [row for row in rows if since is None or at(row) >= since]
        found += [row for row in young if wanted is None or wanted(row)]
        read += len(rows)
        if len(found) >= limit or len(young) < len(rows) or not rows:
            return found[:limit]
        cursor = Cursor(before=key(rows[-1]))
    said = tell(
        "only the newest {count} were looked through: give a later time or another filter", count=read
    )
    click.echo(said, err=True)
    return found
