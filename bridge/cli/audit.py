"""`audit`: who changed what."""

from typing import Any

import click

from bridge.cli import show
from bridge.cli.rows import limit_option
from bridge.cli.setup import run, store_of
from bridge.cli.speech import reader, tell, word
from bridge.store.values import Cursor
from bridge.web.api.documents import audit_document


@click.group()
def audit() -> None:
    """The audit trail: changes by calls of the API and by commands."""


@audit.command("list")
@limit_option
@show.json_option
@click.pass_obj
def list_changes(config: str | None, limit: int, *, as_json: bool) -> None:
    """List who changed what, from where, the newest first."""

    async def work() -> list[dict[str, Any]]:
        async with store_of(config) as store:
            page = await store.audit.page(Cursor(), limit)
            return [{**audit_document(entry)} for entry in page.rows]

    rows = run(work)
    if as_json:
        show.objects(rows)
    else:
        shown = [row | {name: _shown(row[name]) for name in ("before", "after")} for row in rows]
        show.table(shown, ["at", "name", "origin", "action", "subject", "before", "after"])


def _shown(values: Any) -> Any:
    """What was changed: as JSON, or in the words of the pages for who does not read English."""
    if reader().language == "en" or not isinstance(values, dict):
        return values
    return tell("; ").join(
        tell(
            "{name}: {value}",
            name=word(f"audit.field_{name}", tell(name.replace("_", " "))),
            value=show.cell(name, value),
        )
        for name, value in values.items()
        if value is not None
    )
