"""`deliveries`: list and show what Git hosts sent, and have it evaluated again."""

import sys
from pathlib import Path
from typing import Any

import click

from bridge.cli import show
from bridge.cli.explain import SOURCE_HEADER
from bridge.cli.follow import follow_delivery, wait_options
from bridge.cli.ids import find_delivery
from bridge.cli.rows import limit_option, print_one, print_rows
from bridge.cli.setup import change, page_of, repository_name, run, store_of
from bridge.cli.since import newest, since_option
from bridge.cli.speech import tell
from bridge.model.audit import Action
from bridge.model.delivery import COMMIT, Delivery, DeliveryState, id_after
from bridge.store.values import Cursor, DeliveryFilter, DeliveryRow
from bridge.web.api.delivery_documents import delivery_document
from bridge.web.api.documents import timeline_document


@click.group()
def deliveries() -> None:
    """The deliveries of Git hosts."""


@deliveries.command("list")
@click.option("--source", metavar="NAME")
@click.option("--repository", metavar="NAMESPACE/REPO_NAME", help="Those that made a build of it.")
@click.option("--state", type=click.Choice([str(state) for state in DeliveryState]))
@click.option("--repo", metavar="NAME", help="Those from this code repository, as its host names it.")
@click.option("--ref", metavar="REF", help="Those that moved this branch or tag.")
@click.option("--sha", metavar="COMMIT", help="Those of this commit: 7 digits of its id are enough.")
@since_option()
@since_option("--until", "Up to this time: an age, such as 2h, or ISO 8601.")
@limit_option
@show.json_option
@click.pass_obj
def list_deliveries(
    config: str | None,
    *,
    source: str | None,
    repository: str | None,
    state: str | None,
    repo: str | None,
    ref: str | None,
    sha: str | None,
    since: float | None,
    until: float | None,
    limit: int,
    as_json: bool,
) -> None:
    """List the newest deliveries.

    Rejected requests (a wrong signature, a body that is too large) are not stored: `status` counts them.
    """
    namespace, repo_name = repository_name(repository) if repository else (None, None)
    if sha is not None and not COMMIT.fullmatch(sha):
        raise click.UsageError(f"--sha {sha}: give at least the first 7 hexadecimal digits of a commit's id")
    # No index finds the deliveries of a source by what they built or moved.
    by_source = source if namespace is repo is ref is sha is None else None
    only = DeliveryFilter(
        repo=repo,
        ref=ref,
        sha=sha,
        source=by_source,
        namespace=namespace,
        repo_name=repo_name,
        state=None if state is None else DeliveryState(state),
    )

    async def work() -> list[dict[str, Any]]:
        async with store_of(config) as store:
            found = await newest(
                lambda cursor, size: store.deliveries.page(cursor, size, only),
                lambda head: head.id,
                lambda head: head.received_at,
                limit=limit,
                since=since,
                begin=Cursor() if until is None else Cursor(before=id_after(until)),
                wanted=None if source == by_source else lambda head: head.source == source,
            )
            return [{**delivery_document(head)} for head in found]

    columns = ["id", "received_at", "source", "repo", "ref_name", "state", "detail"]
    print_rows(run(work), columns, as_json=as_json)


@deliveries.command("show")
@click.argument("delivery_id")
@click.option("--body", "part", flag_value="body", help="Only its body, as it came in and without secrets.")
@click.option("--headers", "part", flag_value="headers", help="Only its headers that are kept.")
@click.option(
    "--export",
    "folder",
    metavar="FOLDER",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write body and headers into FOLDER, as `explain FOLDER` reads them.",
)
@show.json_option
@click.pass_obj
def show_delivery(
    config: str | None, delivery_id: str, *, part: str | None, folder: Path | None, as_json: bool
) -> None:
    """Show one delivery, its refs, and why each rule builds or not."""

    async def work() -> tuple[DeliveryRow, dict[str, Any]]:
        async with store_of(config) as store:
            row, steps = await find_delivery(store, delivery_id)
            builds = [build.id for build in await store.builds.of_delivery(row.delivery.id)]
            story = {"explanation": row.explanation, "builds": builds, "timeline": timeline_document(steps)}
            page = page_of(config, f"/deliveries/{row.delivery.id}")
            return row, delivery_document(row.head) | page | story

    row, document = run(work)
    if folder is not None:
        _export(row.delivery, folder)
    elif part == "body":
        _print_body(row.delivery.body)
    elif part == "headers":
        click.echo(_header_lines(row.delivery), nl=False)
    else:
        print_one(document, ["deliveries.did_{}"], as_json=as_json)


def _header_lines(delivery: Delivery) -> str:
    return "".join(f"{show.plain(name)}: {show.plain(value)}\n" for name, value in delivery.headers.items())


def _print_body(body: bytes) -> None:
    """The bytes as they are; on a terminal as a text that cannot control it."""
    if sys.stdout.isatty():
        click.echo(show.lines(body.decode("utf-8", "replace")))
    else:
        click.echo(body, nl=False)


def _export(delivery: Delivery, folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        body = folder / f"{delivery.id}.body"
        # Bodies may hold what only some people may read.
        for file, content in (
            (body, delivery.body),
            (
                body.with_suffix(".headers"),
                f"{SOURCE_HEADER}: {delivery.source}\n{_header_lines(delivery)}".encode(),
            ),
        ):
            file.touch(mode=0o600)
            file.write_bytes(content)
    except OSError as error:
        raise click.ClickException(f"{error.filename} cannot be written: {error.strerror}") from None
    click.echo(str(body))


@deliveries.command()
@click.argument("delivery_id")
@wait_options
@click.pass_obj
def redeliver(config: str | None, delivery_id: str, *, wait: bool, timeout: int | None) -> None:
    """Evaluate a delivery again; it may build again."""

    async def work() -> int:
        async with store_of(config) as store:
            row, _ = await find_delivery(store, delivery_id)
            asked = change(Action.DELIVERY_REDELIVERED, row.delivery.id)
            new = await store.deliveries.redeliver(row.delivery.id, asked)
            click.echo(tell("delivery {id}", id=new))
            if not (wait or timeout):
                return 0
            return await follow_delivery(store, new, wait=wait, seconds=timeout)

    sys.exit(run(work))
