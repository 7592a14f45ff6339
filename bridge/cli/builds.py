"""`builds`: list and show them, follow their logs, start, retry and cancel them."""

import sys
from typing import Any

import click

from bridge.cli import resolve, retry, show, trigger
from bridge.cli.follow import print_log, sees_all
from bridge.cli.ids import build_name, find_build, find_run
from bridge.cli.rows import limit_option, print_one, print_rows
from bridge.cli.setup import change, page_of, repository_name, run, store_of, user
from bridge.cli.since import newest, since_option
from bridge.cli.speech import notice_state_word, tell
from bridge.model.audit import Action
from bridge.model.build import Build, BuildState
from bridge.store.base import Store
from bridge.store.values import BuildFilter, Cursor, NoticeFilter
from bridge.web.api.core.reasons import builds_with_reasons
from bridge.web.api.documents import build_document, runs_document, timeline_document

run_option = click.option(
    "--run",
    "number",
    metavar="NUMBER",
    type=click.IntRange(1),
    help="This run of a build that was retried, instead of the newest.",
)


@click.group()
def builds() -> None:
    """The builds."""


@builds.command("list")
@click.option("--repository", metavar="NAMESPACE/REPO_NAME")
@click.option("--builder", metavar="NAME")
@click.option("--state", type=click.Choice([str(state) for state in BuildState]))
@since_option()
@limit_option
@show.json_option
@click.pass_obj
def list_builds(
    config: str | None,
    *,
    repository: str | None,
    builder: str | None,
    state: str | None,
    since: float | None,
    limit: int,
    as_json: bool,
) -> None:
    """List the newest builds."""
    namespace, repo_name = repository_name(repository) if repository else (None, None)
    states = None if state is None else [BuildState(state)]
    only = BuildFilter(namespace=namespace, repo_name=repo_name, states=states)

    async def work() -> list[dict[str, Any]]:
        async with store_of(config) as store:
            found = await newest(
                lambda cursor, size: store.builds.page(cursor, size, only),
                lambda build: build.id,
                lambda build: build.created_at,
                limit=limit,
                since=since,
                wanted=None if builder is None else lambda build: build.builder == builder,
            )
            rows = await builds_with_reasons(store, found, sees_all, show.time_of(as_json=as_json))
            return [{**build_document(build), "build": build_name(build)} for build in rows]

    columns = [
        "build",
        "build_id",
        "created_at",
        "code_repo_type_value",
        "docker_repo_tags",
        "state",
        "detail",
    ]
    print_rows(run(work), columns, as_json=as_json)


@builds.command("show")
@click.argument("build_id")
@run_option
@show.json_option
@click.pass_obj
def show_build(config: str | None, build_id: str, number: int | None, *, as_json: bool) -> None:
    """Show one build (its id, or NAMESPACE/REPO_NAME#NUMBER), its runs, and the timeline of the newest."""

    async def work() -> dict[str, Any]:
        async with store_of(config) as store:
            build = await find_run(store, build_id, number)
            steps = await store.builds.steps(build.id, run=build.run)
            runs = runs_document(await store.builds.runs(build.id))
            notices = await store.notices.page(Cursor(), 100, NoticeFilter(build_id=build.id))
            word = str if as_json else notice_state_word
            sent = [f"{row.notice.channel} {row.notice.event} {word(row.state)}" for row in notices.rows]
            time = show.time_of(as_json=as_json)
            (shown,) = await builds_with_reasons(store, [build], sees_all, time)
            return (
                {**build_document(shown)}
                | page_of(config, f"/builds/{build.id}")
                | {
                    "runs": runs,
                    "notices": sent,
                    "timeline": timeline_document(steps),
                }
            )

    print_one(run(work), ["state.{}", "build.step_{}"], as_json=as_json)


@builds.command("log")
@click.argument("build_id")
@run_option
@click.option("--follow", "-f", is_flag=True, help="Go on until the build has ended; exit 1 if it failed.")
@click.option("--tail", metavar="LINES", type=click.IntRange(0), help="Only so many lines of its end.")
@click.pass_obj
def log_of_build(
    config: str | None, build_id: str, number: int | None, *, follow: bool, tail: int | None
) -> None:
    """Print the log of a build, up to the part that the daemon has read."""

    async def work() -> int:
        async with store_of(config) as store:
            build = await find_run(store, build_id, number)
            return await print_log(store, build, follow=follow, tail=tail)

    sys.exit(run(work))


@builds.command()
@click.argument("build_id")
@click.pass_obj
def cancel(config: str | None, build_id: str) -> None:
    """Request the cancellation of a build."""

    async def work() -> str:
        async with store_of(config) as store:
            build = await find_build(store, build_id)
            before = {"build": build_name(build), "state": build.state}
            asked = change(Action.BUILD_CANCELLED, build.id, before=before)
            if not await store.builds.request_cancel(build.id, f"cancelled by {user()}", asked):
                raise click.ClickException(await _why_not_cancelled(store, build))
            return build_name(build)

    click.echo(tell("requested the cancellation of {build}", build=run(work)))


async def _why_not_cancelled(store: Store, build: Build) -> str:
    """Why a cancellation was not recorded; with what the builder said to an earlier one."""
    build = await find_build(store, build.id)
    if build.state.terminal:
        return f"{build_name(build)} has ended: {build.state}"
    answers = [step.detail for step in await store.builds.steps(build.id) if step.what == "stop"]
    return f"{build_name(build)} was cancelled before" + "".join(f": {text}" for text in answers[-1:])


builds.add_command(retry.retry)
builds.add_command(resolve.resolve_build)
builds.add_command(trigger.trigger)
