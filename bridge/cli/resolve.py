"""`builds resolve`: how a build ended, said by a person who has looked."""

import click

from bridge.cli import show
from bridge.cli.ids import build_name, find_build
from bridge.cli.setup import change, outline, run, store_of, user
from bridge.cli.speech import state_word, tell
from bridge.model.audit import Action
from bridge.planning.notice_policy import NoticePolicy
from bridge.runtime.clock import system_clock
from bridge.web.api.core.resolving import MAX_REASON, Resolution, resolve


def _reason(_context: click.Context, _option: click.Parameter, value: str) -> str:
    if not 0 < len(value) <= MAX_REASON:
        raise click.BadParameter(f"a reason has 1 to {MAX_REASON} characters")
    return value


@click.command("resolve")
@click.argument("build_id")
@click.option("--as", "state", required=True, type=click.Choice(["succeeded", "failed", "cancelled"]))
@click.option("--reason", required=True, callback=_reason, help="How you know, for those who look for news.")
@click.pass_obj
def resolve_build(config: str | None, build_id: str, *, state: Resolution, reason: str) -> None:
    """Say how a build ended whose state is unknown. Its notices are those of that end."""
    policy = NoticePolicy(system_clock, pools=outline(config).settings.pools)

    async def work() -> str:
        async with store_of(config) as store:
            build = await find_build(store, build_id)
            why = f"resolved by {user()}: {reason}"
            before = {"build": build_name(build), "state": build.state}
            said = change(Action.BUILD_RESOLVED, build.id, before=before, after={"state": state})
            ended = await resolve(store.builds, build, state, why, policy, change=said)
            if ended is None:
                raise click.ClickException(f"{build_name(build)} is not unknown: it is {build.state}")
            return tell("{build} is {state}", build=build_name(ended), state=state_word(ended.state))

    click.echo(show.plain(run(work)))
