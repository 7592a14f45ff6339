"""`builds trigger`: a build without a push."""

import re
import sys
from typing import Final

import click
from anyio import to_thread

from bridge.cli.follow import follow_delivery, wait_options
from bridge.cli.setup import change, clone_access, outline, repository_name, rules_of, run, store_of, user
from bridge.cli.speech import reason, tell
from bridge.config.faults import suggest_or_list
from bridge.errors import RemoteError
from bridge.model.audit import Action
from bridge.model.event import RefKind
from bridge.rules.lending import lending
from bridge.rules.manual import ManualPush
from bridge.rules.schema import BuildRepository
from bridge.rules.url import clone_url_problem
from bridge.runtime.clock import system_clock
from bridge.runtime.git.remote import newest_commit
from bridge.store.base import Builds
from bridge.store.values import BuildFilter, Cursor

_COMMIT: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


@click.command()
@click.argument("repository", metavar="NAMESPACE/REPO_NAME")
@click.option("--branch", help="Build the newest commit of this branch.")
@click.option("--tag", help="Build this tag.")
@click.option("--commit", help="Build this commit of it instead (full id).")
@click.option("--clone-url", help="The clone URL, if no push has named it yet.")
@wait_options
@click.pass_obj
def trigger(
    config: str | None,
    repository: str,
    *,
    branch: str | None,
    tag: str | None,
    commit: str | None,
    clone_url: str | None,
    wait: bool,
    timeout: int | None,
) -> None:
    """Build now what a push of a branch or tag would build."""
    name = branch or tag
    if name is None or (branch and tag):
        raise click.UsageError("give one of --branch and --tag")
    commit = commit and commit.lower()
    if commit is not None and not _COMMIT.fullmatch(commit):
        raise click.UsageError(f"--commit {commit} is not a full commit id: 40 or 64 hex digits")
    if clone_url is not None and (problem := clone_url_problem(clone_url)):
        raise click.UsageError(f"--clone-url {problem}")
    kind: RefKind = "branch" if branch else "tag"
    namespace, repo_name = repository_name(repository)
    rules = rules_of(outline(config))
    rule = rules.repository(namespace, repo_name)
    if rule is None:
        known = [one.path for one in rules.repositories.values()]
        raise click.ClickException(f"there is no rule for {repository}{suggest_or_list(repository, known)}")

    async def work() -> int:
        async with store_of(config) as store:
            url = clone_url or await _clone_url(rule, store.builds)
            sha = commit
            if sha is None:
                lent = lending(rules, rule, rules.source_of(rule), url)
                if lent.why:
                    click.echo(reason(lent.why), err=True)
                access = clone_access(config, lent.source)
                try:
                    sha = await to_thread.run_sync(newest_commit, url, kind, name, access, lent.source)
                except RemoteError as error:
                    raise click.ClickException(str(error)) from None
            push = ManualPush(
                namespace=namespace,
                repo_name=repo_name,
                full_name=rule.build_config.code,
                clone_url=url,
                ref_kind=kind,
                ref_name=name,
                sha=sha,
                by=user(),
            )
            delivery = push.delivery(system_clock())
            after = {"delivery_id": delivery.id, "ref": name, "commit": sha}
            asked = change(Action.BUILD_TRIGGERED, repository, after=after)
            await store.deliveries.order(delivery, asked)
            click.echo(tell("delivery {id}", id=delivery.id))
            return await follow_delivery(store, delivery.id, wait=wait, seconds=timeout)

    sys.exit(run(work))


async def _clone_url(rule: BuildRepository, store: Builds) -> str:
    if rule.build_config.code_repo_clone_url:
        return rule.build_config.code_repo_clone_url
    found = await store.page(Cursor(), 1, BuildFilter(namespace=rule.namespace, repo_name=rule.repo_name))
    if not found.rows:
        raise click.ClickException("no push has named the clone URL yet: give --clone-url")
    return found.rows[0].request.repo_url
