"""`db export --records`: all that the store has recorded, for other programs."""

import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Final, TextIO, TypeVar

import click

from bridge.cli.setup import run, store_of
from bridge.cli.speech import tell
from bridge.store.base import Store
from bridge.store.codec import to_json
from bridge.store.values import Cursor, Page
from bridge.web.api.delivery_documents import delivery_document
from bridge.web.api.documents import build_document
from bridge.web.api.notice_documents import notice_document

R = TypeVar("R")
_PAGE: Final = 500


def export(config: str | None, file: Path | None) -> None:
    """Write the records, newest first, into a new file or to the standard output. Raises ClickException."""

    async def work() -> int:
        async with store_of(config) as store:
            output = _output(file)
            try:
                with output as lines:
                    count = await _write(store, lines)
            except BrokenPipeError:  # who reads has enough
                raise
            except OSError as error:
                if file is not None:
                    os.unlink(file)  # noqa: PTH108  # of a command, which does nothing else meanwhile
                where = file or "the standard output"
                why = f"{where}: {error.strerror}: make room, and export again"
                raise click.ClickException(why) from error
        return count

    click.echo(tell("{count} records", count=run(work)), err=True)


async def _write(store: Store, lines: TextIO) -> int:
    """How many records were written, all of them out of this process."""
    count = 0
    async for name, document in _records(store):
        lines.write(f"{to_json({'record': name, **document})}\n")
        count += 1
    lines.flush()
    return count


def _output(file: Path | None) -> Any:
    if file is None:
        return nullcontext(sys.stdout)
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise click.ClickException(f"{file}: {error.strerror}: name a new file") from error
    return os.fdopen(descriptor, "w", encoding="utf-8")


async def _records(store: Store) -> AsyncIterator[tuple[str, Mapping[str, Any]]]:
    async for head in _all(store.deliveries.page, lambda row: row.id):
        yield "delivery", delivery_document(head)
    async for build in _all(store.builds.page, lambda row: row.id):
        yield "build", build_document(build)
    async for row in _all(store.notices.page, lambda row: row.notice.id):
        yield "notice", notice_document(row)


async def _all(
    page: Callable[[Cursor, int], Awaitable[Page[R]]], key: Callable[[R], str]
) -> AsyncIterator[R]:
    """Every row, a page at a time: rows that are added meanwhile move no page."""
    cursor = Cursor()
    while True:
        found = await page(cursor, _PAGE)
        for row in found.rows:
            yield row
        if not found.older:
            return
        cursor = Cursor(before=key(found.rows[-1]))
