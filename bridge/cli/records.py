"""`deliveries`, `builds` and `notices`: what happened, and the verbs on it."""

import getpass
import os
import re
import subprocess
from typing import Any, Final

import click
from anyio import to_thread

from bridge.api import build_document, delivery_document, timeline_document, when
from bridge.cli import show
from bridge.cli.setup import configuration, rules_of, run, stores_of
from bridge.clock import system_clock
from bridge.model.build import Build, BuildState
from bridge.model.event import RefKind
from bridge.rules.manual import ManualPush
from bridge.rules.schema import BuildRepository
from bridge.rules.url import clone_url_problem
from bridge.store.builds import Builds
from bridge.store.listing import Place
from bridge.store.outbox import NoticeRow

limit_option = click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 1000))
_GIT_SECONDS: Final = 30
_MAX_DIGITS: Final = 10
_COMMIT: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


@click.group()
def deliveries() -> None:
    """What Git hosts told us."""


@deliveries.command("list")
@click.option("--state", type=click.Choice(["stored", "dispatched", "ignored", "dead"]))
@limit_option
@show.json_option
@click.pass_obj
def list_deliveries(config: str | None, state: str | None, limit: int, *, as_json: bool) -> None:
    """The newest deliveries."""

    async def work() -> list[dict[str, Any]]:
        async with stores_of(config) as stores:
            return [delivery_document(row) for row in await stores.inbox.newest(limit, state)]

    _print(run(work), ["id", "received_at", "source", "event", "state", "detail"], as_json=as_json)


@deliveries.command("show")
@click.argument("delivery_id")
@show.json_option
@click.pass_obj
def show_delivery(config: str | None, delivery_id: str, *, as_json: bool) -> None:
    """One delivery, what was read from it, and why it built or not."""

    async def work() -> dict[str, Any]:
        async with stores_of(config) as stores:
            found = await stores.inbox.get(delivery_id)
            if found is None:
                raise click.ClickException(f"there is no delivery {delivery_id}: see `deliveries list`")
            builds = [build.id for build in await stores.builds.of_delivery(delivery_id)]
            row, steps = found
            return delivery_document(row) | {"builds": builds, "timeline": timeline_document(steps)}

    _print_one(run(work), as_json=as_json)


@deliveries.command()
@click.argument("delivery_id")
@click.pass_obj
def redeliver(config: str | None, delivery_id: str) -> None:
    """Judge a delivery once more, as a wanted repeat: it may build again."""

    async def work() -> str:
        async with stores_of(config) as stores:
            return await stores.inbox.redeliver(delivery_id)

    click.echo(run(work))


@click.group()
def builds() -> None:
    """What was built."""


@builds.command("list")
@click.option("--repository", metavar="NAMESPACE/REPO_NAME")
@click.option("--state", type=click.Choice([str(state) for state in BuildState]))
@limit_option
@show.json_option
@click.pass_obj
def list_builds(
    config: str | None, repository: str | None, state: str | None, limit: int, *, as_json: bool
) -> None:
    """The newest builds."""
    filters: dict[str, Any] = {"state": state} if state else {}
    if repository:
        namespace, repo_name = _repository(repository)
        filters |= {"namespace": namespace, "repo_name": repo_name}

    async def work() -> list[dict[str, Any]]:
        async with stores_of(config) as stores:
            found = await stores.builds.page(Place(), limit, **filters)
            return [
                build_document(build) | {"build": f"{build.full_name} #{build.number}"}
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
@show.json_option
@click.pass_obj
def show_build(config: str | None, build_id: str, *, as_json: bool) -> None:
    """One build (its id, or NAMESPACE/REPO_NAME#NUMBER) and its timeline."""

    async def work() -> dict[str, Any]:
        async with stores_of(config) as stores:
            build = await _find(stores.builds, build_id)
            steps = await stores.builds.steps(build.id)
            notices = await stores.outbox.newest(100, build_id=build.id)
            told = [f"{row.notice.channel} {row.notice.event} {row.state}" for row in notices]
            return build_document(build) | {"notices": told, "timeline": timeline_document(steps)}

    _print_one(run(work), as_json=as_json)


@builds.command("log")
@click.argument("build_id")
@click.pass_obj
def log_of_build(config: str | None, build_id: str) -> None:
    """The log of a build, as far as it was read."""

    async def work() -> None:
        async with stores_of(config) as stores:
            build = await _find(stores.builds, build_id)
            last = -1
            while rows := await stores.builds.log(build.id, after=last):
                for seq, row in rows:
                    click.echo(show.lines(row.text), nl=False)
                    last = seq

    run(work)


@builds.command()
@click.argument("build_id")
@click.pass_obj
def cancel(config: str | None, build_id: str) -> None:
    """Ask for the end of a build."""

    async def work() -> None:
        async with stores_of(config) as stores:
            build = await _find(stores.builds, build_id)
            if not await stores.builds.request_cancel(build.id, f"cancelled by {_user()}"):
                build = await _find(stores.builds, build.id)
                ended = f"has ended: {build.state}" if build.state.terminal else "was cancelled before"
                raise click.ClickException(f"{build.full_name} #{build.number} {ended}")

    run(work)


@builds.command()
@click.argument("repository", metavar="NAMESPACE/REPO_NAME")
@click.option("--branch", help="Build the newest commit of this branch.")
@click.option("--tag", help="Build this tag.")
@click.option("--commit", help="Build this commit of it instead (full id).")
@click.option("--clone-url", help="Where the code is, if no push has told yet.")
@click.pass_obj
def trigger(
    config: str | None,
    repository: str,
    *,
    branch: str | None,
    tag: str | None,
    commit: str | None,
    clone_url: str | None,
) -> None:
    """Build now what a push of a branch or tag would build."""
    name = branch or tag
    if name is None or (branch and tag):
        raise click.UsageError("give one of --branch and --tag")
    if commit is not None and not _COMMIT.fullmatch(commit):
        raise click.UsageError(f"--commit {commit} is no full commit id: 40 or 64 lower-case hex digits")
    if clone_url is not None and (problem := clone_url_problem(clone_url)):
        raise click.UsageError(f"--clone-url {problem}")
    kind: RefKind = "branch" if branch else "tag"
    namespace, repo_name = _repository(repository)
    loaded = configuration(config)
    rule = rules_of(loaded).repository(namespace, repo_name)
    if rule is None:
        raise click.ClickException(f"there is no rule for {repository}")

    async def work() -> str:
        async with stores_of(config) as stores:
            url = clone_url or await _clone_url(rule, stores.builds)
            sha = commit
            if sha is None:
                sha = await to_thread.run_sync(_newest_commit, url, kind, name)
            push = ManualPush(
                namespace=namespace,
                repo_name=repo_name,
                full_name=_code_name(rule),
                clone_url=url,
                ref_kind=kind,
                ref_name=name,
                sha=sha,
                by=_user(),
            )
            return (await stores.inbox.put(push.delivery(system_clock()))).id

    click.echo(f"delivery {run(work)}")


@click.group()
def notices() -> None:
    """Whom we told."""


@notices.command("list")
@click.option("--state", type=click.Choice(["pending", "sending", "sent", "merged", "suppressed", "dead"]))
@click.option("--channel")
@limit_option
@show.json_option
@click.pass_obj
def list_notices(
    config: str | None, state: str | None, channel: str | None, limit: int, *, as_json: bool
) -> None:
    """The newest notices."""
    filters = {name: value for name, value in (("state", state), ("channel", channel)) if value}

    async def work() -> list[dict[str, Any]]:
        async with stores_of(config) as stores:
            return [_notice_document(row) for row in await stores.outbox.newest(limit, **filters)]

    columns = ["id", "created_at", "channel", "event", "job", "state", "attempts", "detail"]
    _print(run(work), columns, as_json=as_json)


@notices.command("show")
@click.argument("notice_id")
@show.json_option
@click.pass_obj
def show_notice(config: str | None, notice_id: str, *, as_json: bool) -> None:
    """One notice and its timeline."""

    async def work() -> dict[str, Any]:
        async with stores_of(config) as stores:
            found = await stores.outbox.get(notice_id)
            if found is None:
                raise click.ClickException(f"there is no notice {notice_id}: see `notices list`")
            row, steps = found
            return _notice_document(row) | {"timeline": timeline_document(steps)}

    _print_one(run(work), as_json=as_json)


def _notice_document(row: NoticeRow) -> dict[str, Any]:
    return {
        "id": row.notice.id,
        "created_at": when(row.notice.created_at),
        "channel": row.notice.channel,
        "event": row.notice.event,
        "build_id": row.build_id,
        "job": row.job,
        "state": row.state,
        "reason": row.reason,
        "detail": row.detail,
        "attempts": row.attempts,
        "next_at": when(row.next_at),
        "ended_at": when(row.ended_at),
    }


def _user() -> str:
    """Who asks; containers may run us as somebody without a name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"user {os.getuid()}"


async def _find(store: Builds, name: str) -> Build:
    repository, hash_mark, number = name.partition("#")
    if hash_mark:
        digits = number.isascii() and number.isdigit() and len(number) < _MAX_DIGITS
        found = await store.by_number(*_repository(repository), int(number)) if digits else None
    else:
        found = await store.get(name)
    if found is None:
        raise click.ClickException(f"there is no build {name}: see `builds list`")
    return found


def _repository(text: str) -> tuple[str, str]:
    namespace, slash, repo_name = text.partition("/")
    if not slash or not namespace or not repo_name:
        raise click.UsageError(f"{text} is not NAMESPACE/REPO_NAME")
    return namespace, repo_name


def _code_name(rule: BuildRepository) -> str:
    config = rule.build_config
    return config.code_repo_clone_url or f"{config.code_repo_namespace}/{config.code_repo_name}"


async def _clone_url(rule: BuildRepository, store: Builds) -> str:
    if rule.build_config.code_repo_clone_url:
        return rule.build_config.code_repo_clone_url
    found = await store.page(Place(), 1, namespace=rule.namespace, repo_name=rule.repo_name)
    if not found.rows:
        raise click.ClickException("no push has told where the code is yet: give --clone-url")
    return found.rows[0].request.repo_url


def _newest_commit(url: str, kind: RefKind, name: str) -> str:
    """What the ref points to at the host, tags peeled."""
    ref = f"refs/heads/{name}" if kind == "branch" else f"refs/tags/{name}"
    command = ["git", "ls-remote", "--exit-code", "--end-of-options", url, ref, f"{ref}^{{}}"]
    try:
        listed = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_GIT_SECONDS,
            stdin=subprocess.DEVNULL,
            env=os.environ | {"GIT_TERMINAL_PROMPT": "0"},
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        raise click.ClickException("git ls-remote gave no answer: give --commit") from None
    found: dict[str, str] = {}
    for line in listed.stdout.splitlines():
        sha, _, listed_ref = line.partition("\t")
        found[listed_ref] = sha
    if ref not in found:
        raise click.ClickException(f"the host has no {kind} {name}, or does not answer: give --commit")
    return found.get(f"{ref}^{{}}", found[ref])


def _print(rows: list[dict[str, Any]], columns: list[str], *, as_json: bool) -> None:
    if as_json:
        show.objects(rows)
    else:
        show.table(rows, columns)


def _print_one(document: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        show.objects([document])
    else:
        show.card({**document, "timeline": None}, document["timeline"])
