"""`builds retry`: another run of a build that has ended, or of all that failed since a time."""

import sys
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import click

from bridge.cli import show
from bridge.cli.follow import END_SECONDS, follow_builds, wait_options
from bridge.cli.ids import build_name, find_build
from bridge.cli.setup import change, outline, repository_name, run, store_of, user
from bridge.cli.since import MAX_READ, newest, since_option
from bridge.cli.speech import reason, tell
from bridge.errors import CannotRetry
from bridge.model.audit import Action
from bridge.model.build import Build, BuildState
from bridge.planning.notice_policy import NoticePolicy
from bridge.runtime.clock import system_clock
from bridge.store.base import Store
from bridge.store.values import BuildFilter

MAX_RETRIED: Final = 1000
"""So many at once: the rest is said, and comes with the next call."""
_FAILED: Final = (BuildState.FAILED, BuildState.UNKNOWN)


@click.command()
@click.argument("build_id", required=False)
@since_option("--failed-since", "Instead of ID: all that failed, or whose end is unknown, since this time.")
@click.option("--repository", metavar="NAMESPACE/REPO_NAME", help="Of these only builds of this repository.")
@wait_options
@click.pass_obj
def retry(
    config: str | None,
    build_id: str | None,
    *,
    failed_since: float | None,
    repository: str | None,
    wait: bool,
    timeout: int | None,
) -> None:
    """Run a build that has ended once more: the same commit, number and tags.

    It may have failed, been rejected or cancelled, or be unknown. With --failed-since one is left out if a
    newer build of the same branch has one of its tags: else its older code would take that.
    """
    if (build_id is None) == (failed_since is None):
        raise click.UsageError("give either the id of a build or --failed-since")
    if repository is not None and failed_since is None:
        raise click.UsageError("--repository goes with --failed-since: an id names its repository")

    policy = NoticePolicy(system_clock, pools=outline(config).settings.pools)

    async def work() -> int:
        async with store_of(config) as store:
            if failed_since is None:
                made = [await _retried(store, await find_build(store, build_id or ""), policy)]
            else:
                found = await _to_retry(store, failed_since, repository)
                made = [again for build in found if (again := await _retried_if_it_can(store, build, policy))]
                click.echo(_count(len(made)), err=True)
            seconds = END_SECONDS if timeout is None else timeout
            return await follow_builds(store, made, seconds) if wait else 0

    sys.exit(run(work))


async def _retried(store: Store, build: Build, policy: NoticePolicy) -> Build:
    """The next run of a build, which is on the audit trail. Raises CannotRetry."""
    before = {"build": build_name(build), "state": build.state, "run": build.run}
    asked = change(Action.BUILD_RETRIED, build.id, before=before)
    again = await store.builds.retry(build.id, asked, f"asked for by {user()}", notices_for=policy)
    waiting, *_ = await store.builds.steps(build.id, run=again.run)
    said = tell("{build} waits: {why}", build=build_name(again), why=reason(waiting.detail))
    click.echo(show.plain(said))
    return again


def _count(made: int) -> str:
    return tell("1 build run once more") if made == 1 else tell("{count} builds run once more", count=made)


async def _retried_if_it_can(store: Store, build: Build, policy: NoticePolicy) -> Build | None:
    try:
        return await _retried(store, build, policy)
    except CannotRetry as error:
        said = tell("{build} is left out: {why}", build=build_name(build), why=reason(str(error)))
        click.echo(show.plain(said), err=True)
        return None


async def _to_retry(store: Store, since: float, repository: str | None) -> list[Build]:
    """The builds that failed since then, oldest first, without those whose tags newer builds have."""
    namespace, repo_name = repository_name(repository) if repository else (None, None)
    any_state = BuildFilter(namespace=namespace, repo_name=repo_name)
    ended = await _builds(
        store,
        replace(any_state, states=_FAILED),
        lambda build: build.ended_at is not None and build.ended_at >= since,
    )
    if not ended:
        return []
    failed = {build.id for build in ended}
    holders: dict[tuple[str, str, str], dict[str, Build]] = defaultdict(dict)
    found = []
    for build in await _builds(store, any_state, since=min(build.created_at for build in ended)):
        held = holders[build.full_name, build.request.ref, build.request.image]
        newer = next((held[tag] for tag in build.request.tags if tag in held), None)
        for tag in build.request.tags:
            held.setdefault(tag, build)
        if build.id not in failed:
            continue
        if newer is None:
            found.append(build)
        else:
            newest_one = f"#{newer.number}"
            said = tell(
                "{build} is left out: {newer} has newer code", build=build_name(build), newer=newest_one
            )
            click.echo(said, err=True)
    if len(found) > MAX_RETRIED:
        said = tell(
            "only the newest {most} of {count} are run: give the same command again",
            most=MAX_RETRIED,
            count=len(found),
        )
        click.echo(said, err=True)
    return found[:MAX_RETRIED][::-1]


async def _builds(
    store: Store, only: BuildFilter, wanted: Callable[[Build], bool] | None = None, since: float | None = None
) -> list[Build]:
    """Newest first, as many as are looked through."""
    return await newest(
        lambda cursor, size: store.builds.page(cursor, size, only),
        lambda build: build.id,
        lambda build: build.created_at,
        limit=MAX_READ + 1,
        since=since,
        wanted=wanted,
    )
