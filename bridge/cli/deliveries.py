"""`deliveries`: list and show what Git hosts sent, and have it evaluated again."""

from typing import Any

import click

from bridge.cli import show
from bridge.cli.ids import find_delivery
from bridge.cli.rows import limit_option, print_one, print_rows
from bridge.cli.setup import audited, run, store_of
from bridge.model.audit import Action
from bridge.model.delivery import DeliveryState
from bridge.store.values import Cursor, DeliveryFilter
from bridge.web.api.documents import delivery_document, timeline_document


@click.group()
def deliveries() -> None:
    """The deliveries of Git hosts."""


@deliveries.command("list")
@click.option("--state", type=click.Choice([str(state) for state in DeliveryState]))
@limit_option
@show.json_option
@click.pass_obj
def list_deliveries(config: str | None, state: str | None, limit: int, *, as_json: bool) -> None:
    """List the newest deliveries.

    Rejected requests (a wrong signature, a body that is too large) are not stored: see the daemon's log.
    """
    only = DeliveryFilter(state=None if state is None else DeliveryState(state))

    async def work() -> list[dict[str, Any]]:
        async with store_of(config) as store:
            found = await store.deliveries.page(Cursor(), limit, only)
            return [{**delivery_document(head)} for head in found.rows]

    print_rows(run(work), ["id", "received_at", "source", "event", "state", "detail"], as_json=as_json)


@deliveries.command("show")
@click.argument("delivery_id")
@show.json_option
@click.pass_obj
def show_delivery(config: str | None, delivery_id: str, *, as_json: bool) -> None:
    """Show one delivery, its refs, and why each rule builds or not."""

    async def work() -> dict[str, Any]:
        async with store_of(config) as store:
            row, steps = await find_delivery(store, delivery_id)
            builds = [build.id for build in await store.builds.of_delivery(row.delivery.id)]
            story = {"explanation": row.explanation, "builds": builds, "timeline": timeline_document(steps)}
            return delivery_document(row.head) | story

    print_one(run(work), as_json=as_json)


@deliveries.command()
@click.argument("delivery_id")
@click.pass_obj
def redeliver(config: str | None, delivery_id: str) -> None:
    """Evaluate a delivery again; it may build again."""

    async def work() -> str:
        async with store_of(config) as store:
            row, _ = await find_delivery(store, delivery_id)
            new = await store.deliveries.redeliver(row.delivery.id)
            await audited(store, Action.DELIVERY_REDELIVERED, row.delivery.id, after={"delivery_id": new})
            return new

    click.echo(f"delivery {run(work)}")
