"""`deliveries`, `builds` and `notices`: list and show what is in the store, redeliver, cancel and retry."""

from collections.abc import Mapping
from typing import Any, Final

import click

from bridge.cli import show, trigger
from bridge.cli.setup import audited, outline, repository_name, run, store_of, user
from bridge.model.audit import Action
from bridge.model.build import Build, BuildState
from bridge.model.delivery import DeliveryState
from bridge.model.notice import NoticeState
from bridge.store.base import Builds, Store
from bridge.store.values import BuildFilter, Cursor, DeliveryFilter, NoticeFilter
from bridge.web.api.documents import build_document, delivery_document, runs_document, timeline_document
from bridge.web.api.notice_documents import notice_document, notice_story

limit_option = click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 1000))
run_option = click.option(
    "--run",
    "number",
    metavar="NUMBER",
    type=click.IntRange(1),
    help="This run of a build that was retried, instead of the newest.",
)
_MAX_DIGITS: Final = 10


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

    _print(run(work), ["id", "received_at", "source", "event", "state", "detail"], as_json=as_json)


@deliveries.command("show")
@click.argument("delivery_id")
@show.json_option
@click.pass_obj
def show_delivery(config: str | None, delivery_id: str, *, as_json: bool) -> None:
    """Show one delivery, its refs, and why each rule builds or not."""

    async def work() -> dict[str, Any]:
        async with store_of(config) as store:
            found = await store.deliveries.get(delivery_id)
            if found is None:
                raise click.ClickException(f"there is no delivery {delivery_id}: see `deliveries list`")
            builds = [build.id for build in await store.builds.of_delivery(delivery_id)]
            row, steps = found
            story = {"explanation": row.explanation, "builds": builds, "timeline": timeline_document(steps)}
            return delivery_document(row.head) | story

    _print_one(run(work), as_json=as_json)


@deliveries.command()
@click.argument("delivery_id")
@click.pass_obj
def redeliver(config: str | None, delivery_id: str) -> None:
    """Evaluate a delivery again; it may build again."""

    async def work() -> str:
        async with store_of(config) as store:
            new = await store.deliveries.redeliver(delivery_id)
            await audited(store, Action.DELIVERY_REDELIVERED, delivery_id, after={"delivery_id": new})
            return new

    click.echo(f"delivery {run(work)}")


@click.group()
def builds() -> None:
    """The builds."""


@builds.command("list")
@click.option("--repository", metavar="NAMESPACE/REPO_NAME")
@click.option("--state", type=click.Choice([str(state) for state in BuildState]))
@limit_option
@show.json_option
@click.pass_obj
def list_builds(
    config: str | None, repository: str | None, state: str | None, limit: int, *, as_json: bool
) -> None:
    """List the newest builds."""
    namespace, repo_name = repository_name(repository) if repository else (None, None)
    states = None if state is None else [BuildState(state)]
    only = BuildFilter(namespace=namespace, repo_name=repo_name, states=states)

    async def work() -> list[dict[str, Any]]:
        async with store_of(config) as store:
            found = await store.builds.page(Cursor(), limit, only)
            down = await _down(store)
            return [
                await _build_document(store, build, down) | {"build": _display_name(build)}
                for build in found.rows
            ]

    columns = [
        "build",
        "build_id",
        "created_at",
        "code_repo_type_value",
        "docker_repo_tags",
        "state",
        "detail",
    ]
    _print(run(work), columns, as_json=as_json)


@builds.command("show")
@click.argument("build_id")
@run_option
@show.json_option
@click.pass_obj
def show_build(config: str | None, build_id: str, number: int | None, *, as_json: bool) -> None:
    """Show one build (its id, or NAMESPACE/REPO_NAME#NUMBER), its runs, and the timeline of the newest."""

    async def work() -> dict[str, Any]:
        async with store_of(config) as store:
            build = await _find_run(store.builds, build_id, number)
            steps = await store.builds.steps(build.id, run=build.run)
            runs = runs_document(await store.builds.runs(build.id))
            notices = await store.notices.page(Cursor(), 100, NoticeFilter(build_id=build.id))
            sent = [f"{row.notice.channel} {row.notice.event} {row.state}" for row in notices.rows]
            document = await _build_document(store, build, await _down(store))
            return document | {"runs": runs, "notices": sent, "timeline": timeline_document(steps)}

    _print_one(run(work), as_json=as_json)


@builds.command("log")
@click.argument("build_id")
@run_option
@click.pass_obj
def log_of_build(config: str | None, build_id: str, number: int | None) -> None:
    """Print the log of a build, up to the part that the daemon has read."""

    async def work() -> None:
        async with store_of(config) as store:
            build = await _find_run(store.builds, build_id, number)
            last = -1
            while pieces := await store.builds.log(build.id, after=last, run=build.run):
                for piece in pieces:
                    click.echo(show.lines(piece.text), nl=False)
                last = pieces[-1].seq
            if last < 0:
                click.echo(
                    f"the daemon has read no log of {_display_name(build)}; the build is {build.state}",
                    err=True,
                )

    run(work)


@builds.command()
@click.argument("build_id")
@click.pass_obj
def cancel(config: str | None, build_id: str) -> None:
    """Request the cancellation of a build."""

    async def work() -> str:
        async with store_of(config) as store:
            build = await _find(store.builds, build_id)
            if not await store.builds.request_cancel(build.id, f"cancelled by {user()}"):
                raise click.ClickException(await _why_not_cancelled(store, build))
            before = {"build": _display_name(build), "state": build.state}
            await audited(store, Action.BUILD_CANCELLED, build.id, before=before)
            return _display_name(build)

    click.echo(f"requested the cancellation of {run(work)}")


async def _why_not_cancelled(store: Store, build: Build) -> str:
    """Why a cancellation was not recorded; with what the builder said to an earlier one."""
    build = await _find(store.builds, build.id)
    if build.state.terminal:
        return f"{_display_name(build)} has ended: {build.state}"
    answers = [step.detail for step in await store.builds.steps(build.id) if step.what == "stop"]
    return f"{_display_name(build)} was cancelled before" + "".join(f": {text}" for text in answers[-1:])


@builds.command()
@click.argument("build_id")
@click.pass_obj
def retry(config: str | None, build_id: str) -> None:
    """Run a build that has ended once more: the same commit, number and tags."""

    async def work() -> str:
        async with store_of(config) as store:
            build = await _find(store.builds, build_id)
            name = user()
            again = await store.builds.retry(build.id, name, f"asked for by {name}")
            before = {"build": _display_name(build), "state": build.state, "run": build.run}
            await audited(store, Action.BUILD_RETRIED, build.id, before=before, after={"run": again.run})
            waiting, *_ = await store.builds.steps(build.id, run=again.run)
            return f"{_display_name(again)} waits: {waiting.detail}"

    click.echo(run(work))


builds.add_command(trigger.trigger)


@click.group()
def notices() -> None:
    """The notices."""


@notices.command("list")
@click.option("--state", type=click.Choice([str(state) for state in NoticeState]))
@click.option("--channel")
@limit_option
@show.json_option
@click.pass_obj
def list_notices(
    config: str | None, state: str | None, channel: str | None, limit: int, *, as_json: bool
) -> None:
    """List the newest notices."""
    only = NoticeFilter(channel=channel, state=None if state is None else NoticeState(state))

    async def work() -> list[dict[str, Any]]:
        async with store_of(config) as store:
            found = await store.notices.page(Cursor(), limit, only)
            return [{**notice_document(row)} for row in found.rows]

    columns = ["id", "created_at", "channel", "event", "about", "state", "attempts", "detail"]
    _print(run(work), columns, as_json=as_json)


@notices.command("show")
@click.argument("notice_id")
@show.json_option
@click.pass_obj
def show_notice(config: str | None, notice_id: str, *, as_json: bool) -> None:
    """Show one notice and its timeline."""

    async def work() -> dict[str, Any]:
        async with store_of(config) as store:
            found = await store.notices.get(notice_id)
            if found is None:
                raise click.ClickException(f"there is no notice {notice_id}: see `notices list`")
            return {**notice_story(*found)}

    _print_one(run(work), as_json=as_json)


@notices.command()
@click.argument("notice_id")
@click.pass_obj
def replay(config: str | None, notice_id: str) -> None:
    """Send a notice that has ended once more, as a new one."""
    channels = outline(config).channel_kinds

    async def work() -> str:
        async with store_of(config) as store:
            found = await store.notices.get(notice_id)
            if found is not None and (channel := found[0].notice.channel) not in channels:
                raise click.ClickException(f"there is no channel {channel} any more: add it to bridge.yaml")
            new = await store.notices.replay(notice_id)
            await audited(store, Action.NOTICE_REPLAYED, notice_id, after={"notice_id": new})
            return new

    click.echo(f"notice {run(work)}")


def _display_name(build: Build) -> str:
    return f"{build.full_name} #{build.number}"


async def _down(store: Store) -> dict[str, str]:
    """The reasons of the builders and channels that are down, by name."""
    return {one.name: one.why for one in await store.health.all() if one.down_since is not None}


async def _build_document(store: Store, build: Build, down: Mapping[str, str]) -> dict[str, Any]:
    """The document of a build; its detail says what one waits for: another build, or its builder."""
    document: dict[str, Any] = {**build_document(build)}
    if build.state is not BuildState.WAITING or build.detail:
        return document
    if ahead := await store.builds.ahead_of(build.id):
        document["detail"] = f"waits for {_display_name(ahead)}, which writes the same tag"
    elif why := down.get(f"builder:{build.builder}"):
        document["detail"] = f"waits for {build.builder}: {why}"
    return document


async def _find(store: Builds, name: str) -> Build:
    repository, hash_mark, number = name.partition("#")
    if hash_mark:
        digits = number.isascii() and number.isdigit() and len(number) < _MAX_DIGITS
        found = await store.by_number(*repository_name(repository), int(number)) if digits else None
    else:
        found = await store.get(name) or await store.run(name)
    if found is None:
        raise click.ClickException(f"there is no build {name}: see `builds list`")
    return found


async def _find_run(store: Builds, name: str, number: int | None) -> Build:
    build = await _find(store, name)
    if number in {None, build.run}:
        return build
    runs = await store.runs(build.id)
    for one in runs:
        if one.run == number:
            return one
    raise click.ClickException(f"{_display_name(build)} has no run {number}, only 1 to {build.run}")


def _print(rows: list[dict[str, Any]], columns: list[str], *, as_json: bool) -> None:
    if as_json:
        show.objects(rows)
    else:
        show.table(rows, columns)


def _print_one(document: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        show.objects([document])
        return
    apart = {"timeline", "explanation", "runs"}
    show.facts({name: value for name, value in document.items() if name not in apart})
    if len(runs := document.get("runs", ())) > 1:
        show.table(runs, ["run", "state", "retried_by", "enqueued_at", "ended_at", "detail"])
    for evaluation in document.get("explanation", ()):
        show.evaluation(evaluation)
    show.timeline(document["timeline"])
