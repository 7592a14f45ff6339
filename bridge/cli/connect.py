"""`connect`: the webhooks of a source, made and repaired at its host."""

import os
import sys
from collections.abc import Sequence
from typing import Final

import click

from bridge.cli import show
from bridge.cli.setup import begin_log, code_paths, once, outline, rules_of, run
from bridge.cli.speech import reason, tell
from bridge.config.faults import suggest_or_list
from bridge.config.loader import find_config, load_host_api
from bridge.config.outline import Outline
from bridge.errors import RemoteError
from bridge.forges.webhook_setup import Found, Plan, Step, WebhookSetup
from bridge.forges.webhooks import Difference, Hook
from bridge.registry import KINDS, WEBHOOKS

_MOST: Final = 200
_OTHERS: Final = 3
"""So many webhooks of other bridges are named."""


@click.command()
@click.argument("source")
@click.argument("repositories", metavar="[REPOSITORY]...", nargs=-1)
@click.option("--dry-run", is_flag=True, help="Show what would be done, and do nothing.")
@click.option("--yes", is_flag=True, help="Do it without asking, as scripts need it.")
@click.option(
    "--from",
    "former",
    metavar="ADDRESS",
    default="",
    help="Take over the webhook with this address: that of this bridge before it moved.",
)
@click.option(
    "--renew-secret", is_flag=True, help="Set the secret also where nothing differs: after a new one."
)
@click.option(
    "--verify", is_flag=True, help="Show whether the webhooks are there, send, and are answered well."
)
@click.pass_obj
def connect(
    config: str | None,
    source: str,
    repositories: Sequence[str],
    *,
    dry_run: bool,
    yes: bool,
    former: str,
    renew_secret: bool,
    verify: bool,
) -> None:
    """Make or repair the webhook of a source at its Git host.

    REPOSITORY is the name at the host, such as acme/shop; if left out, all that the rules name. What is to be
    done is shown first, and then asked. Webhooks with other addresses are left alone, but for the one that
    --from names. A host that cannot change the secret of a webhook gets a new one, and then the former one is
    deleted. The exit status is 1 where something could not be done, or --verify has found something wrong.
    """
    if verify and (dry_run or yes or former or renew_secret):
        raise click.UsageError("--verify changes nothing: leave the other options out")
    loaded = outline(config)
    begin_log()
    setup = setup_of(config, loaded, source)
    names = repositories_of(loaded, source, repositories)
    if verify:
        if not run(lambda: _verified(setup, names)):
            sys.exit(1)
        return
    plans = run(lambda: _planned(setup, names, renew=renew_secret, former=former))
    failed = any(plan.step is Step.CANNOT for plan in plans)
    todo = [plan for plan in plans if plan.step in {Step.CREATE, Step.REPAIR, Step.REPLACE}]
    if todo and not dry_run:
        _agree(len(todo), yes=yes)
        failed |= not run(lambda: _carried_out(setup, todo))
    if failed:
        sys.exit(1)


def setup_of(config: str | None, loaded: Outline, source: str) -> WebhookSetup:
    """What makes the webhooks of the source. Raises ConfigError and ClickException."""
    sources = loaded.settings.sources
    if source not in sources:
        raise click.ClickException(f"there is no source {source}{suggest_or_list(source, sources)}")
    kind = sources[source].kind
    if kind not in WEBHOOKS:
        raise click.ClickException(f"webhooks of {kind} are made by hand: `buildbridge help {kind.lower()}`")
    public_url = loaded.settings.server.public_url
    if public_url is None:
        raise click.ClickException("server.public_url is missing: the host has to know where it reaches us")
    settings = load_host_api(find_config(config, os.environ), KINDS, os.environ, source)
    if settings is None or settings.api is None:
        raise click.ClickException(
            f"sources.{source}.api is missing: give it a token, api: {{token: {{file: FILE}}}}"
        )
    if not settings.secrets:
        raise click.ClickException(f"sources.{source}.secrets is missing: give it the secret of the webhook")
    return WebhookSetup(WEBHOOKS[kind](), settings.api, source, settings.secrets[0].reveal(), public_url)


def repositories_of(loaded: Outline, source: str, repositories: Sequence[str]) -> list[str]:
    """The repositories that are meant, each once. Raises ConfigError and ClickException."""
    for name in repositories:
        if "" in name.split("/") or not {".", ".."}.isdisjoint(name.split("/")) or "/" not in name:
            raise click.UsageError(f"{name} is not the name of a repository at the host, such as acme/shop")
    names = once(repositories) or code_paths(rules_of(loaded), source, loaded.settings.sources[source].kind)
    if not names:
        raise click.ClickException(f"no rule builds what is pushed to {source}: write one first")
    return names


async def _planned(setup: WebhookSetup, names: Sequence[str], *, renew: bool, former: str) -> list[Plan]:
    plans = []
    for name in names:
        plan = await setup.plan(name, renew=renew, former=former)
        plans.append(plan)
        said = _filtered(plan.hook) + _elsewhere(plan.others, has_ours=plan.step is not Step.CREATE)
        click.echo(_line(name, _step(plan), *said))
    return plans


def _line(name: str, *said: str) -> str:
    return show.plain(tell("{name}: {value}", name=name, value=tell("; ").join(said)))


def _filtered(hook: Hook | None) -> list[str]:
    """What is said of a webhook that does not send all pushes: that may be meant."""
    if hook is None or not hook.branch_filter:
        return []
    return [tell("it sends only pushes of branches like {pattern}", pattern=hook.branch_filter[:_MOST])]


def _elsewhere(others: Sequence[str], *, has_ours: bool) -> list[str]:
    """What is said of webhooks that may be those of another bridge."""
    said = [tell("a webhook leads to {address}, too", address=one[:_MOST]) for one in others[:_OTHERS]]
    if said and not has_ours:
        said.append(tell("--from and that address move it here, if this bridge was there before"))
    return said


def _step(plan: Plan) -> str:
    match plan.step:
        case Step.CREATE:
            return tell("create")
        case Step.REPAIR:
            return tell("repair: {what}", what=_listed(plan.differences))
        case Step.REPLACE:
            ids = tell(", ").join(hook.id for hook in plan.former)
            return tell(
                "replace: {what}; a new webhook is made, then this one is deleted: {ids}",
                what=_listed(plan.differences),
                ids=ids,
            )
        case Step.KEEP:
            return tell("nothing to do")
        case Step.CANNOT:
            return tell("cannot: {why}", why=reason(plan.why))


def _listed(differences: Sequence[Difference]) -> str:
    return tell(", ").join(map(_difference, differences))


def _difference(one: Difference) -> str:
    what = reason(one.what)
    return tell("{what} (now {now})", what=what, now=one.now[:_MOST]) if one.now else what


def _agree(count: int, *, yes: bool) -> None:
    """Raises UsageError where no one can be asked, and Abort."""
    if yes:
        return
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise click.UsageError(
            "there is no terminal to ask at: add --yes to do it, or --dry-run to only look"
        )
    question = tell("Change 1 webhook?") if count == 1 else tell("Change {count} webhooks?", count=count)
    click.confirm(question, abort=True)


async def _carried_out(setup: WebhookSetup, plans: Sequence[Plan]) -> bool:
    """Whether all of it was done."""
    good = True
    for plan in plans:
        try:
            said = tell("done: {answer}", answer=reason(await setup.carry_out(plan)))
        except RemoteError as error:
            good = False
            said = tell("not done: {why}", why=reason(str(error)))
        click.echo(_line(plan.repository, said))
    return good


async def _verified(setup: WebhookSetup, names: Sequence[str]) -> bool:
    """Whether nothing is wrong with any of them."""
    good = True
    for name in names:
        found = await setup.verify(name)
        good &= not found.problem
        said = _filtered(found.hook) + _elsewhere(found.others, has_ours=found.hook is not None)
        click.echo(_line(name, _state(found), *said))
    return good


def _state(found: Found) -> str:
    if found.problem:
        more = tell(" ({what})", what=_listed(found.differences)) if found.differences else ""
        return reason(found.problem) + more
    if found.answer is None:
        return tell("ok; the host says nothing of a last delivery")
    return tell("ok; the last delivery was answered with {status}", status=found.answer.status)
