"""`notices`: list and show them, send one once more, drop it, or see one before it is sent."""

from typing import Any, get_args

import click

from bridge.cli import show
from bridge.cli.ids import build_name, find_build, find_notice
from bridge.cli.rows import limit_option, print_one, print_rows
from bridge.cli.setup import change, configuration, outline, page_of, run, store_of, user
from bridge.cli.speech import notice_state_word, reader, reason, tell, word
from bridge.model.audit import Action
from bridge.model.language import Language, translator
from bridge.model.notice import BuildEvent, EventName, NoticeState
from bridge.registry import KINDS, previews
from bridge.rules.checking import Names
from bridge.runtime.clock import system_clock
from bridge.store.values import Cursor, NoticeFilter
from bridge.web.api.core.chinese import NOTICE_STEPS
from bridge.web.api.core.notices import held_again
from bridge.web.api.core.previews import notice_about
from bridge.web.api.core.reasons import notices_with_reasons
from bridge.web.api.documents import StepDocument
from bridge.web.api.notice_documents import NoticeDocument, notice_document, notice_story


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
            rows = await notices_with_reasons(store, found.rows, show.time_of(as_json=as_json))
            return [{**notice_document(row)} if as_json else _shown(notice_document(row)) for row in rows]

    columns = ["id", "created_at", "channel", "event", "about", "state", "attempts", "detail"]
    print_rows(run(work), columns, as_json=as_json)


def _shown(notice: NoticeDocument) -> dict[str, Any]:
    """As people read it in a row."""
    channel, origin = notice["channel"], notice["moved_from"]
    if origin:
        channel = tell("{channel} (for {origin})", channel=channel, origin=origin)
    return {**notice, "channel": channel, "state": notice_state_word(notice["state"])}


def _shown_step(step: StepDocument) -> dict[str, Any]:
    """As people read it in a timeline."""
    kept_by, _, rest = step["detail"].partition(": ")
    # The reason stands above in words.
    detail = rest if word(f"notices.reason_{kept_by}", "") else step["detail"]
    return {**step, "detail": translator(reader().language, NOTICE_STEPS)(detail)}


@notices.command("show")
@click.argument("notice_id")
@show.json_option
@click.pass_obj
def show_notice(config: str | None, notice_id: str, *, as_json: bool) -> None:
    """Show one notice and its timeline."""

    async def work() -> dict[str, Any]:
        async with store_of(config) as store:
            found, steps = await find_notice(store, notice_id)
            (row,) = await notices_with_reasons(store, [found], show.time_of(as_json=as_json))
            story: dict[str, Any] = {**notice_story(row, steps)}
            if not as_json:
                story["state"] = notice_state_word(story["state"])
                story["timeline"] = list(map(_shown_step, story["timeline"]))
            return story | page_of(config, f"/notices/{row.notice.id}")

    print_one(run(work), ["notices.step_{}"], as_json=as_json)


@notices.command()
@click.argument("notice_id")
@click.pass_obj
def replay(config: str | None, notice_id: str) -> None:
    """Send a notice that has ended once more, as a new one.

    Where a silence in force will hold that one, too, it says which.
    """
    loaded = outline(config)
    names = Names.of(loaded, KINDS)

    async def work() -> tuple[str, str]:
        async with store_of(config) as store:
            row, _ = await find_notice(store, notice_id)
            if (channel := row.notice.channel) not in loaded.channel_kinds:
                raise click.ClickException(f"there is no channel {channel} any more: add it to bridge.yaml")
            new = await store.notices.replay(row.notice.id, change(Action.NOTICE_REPLAYED, row.notice.id))
            return new, await held_again(store, (await find_notice(store, new))[0], names)

    new, why = run(work)
    click.echo(tell("notice {id}: {why}", id=new, why=reason(why)) if why else tell("notice {id}", id=new))


@notices.command()
@click.argument("build_id")
@click.option("--channel", help="Only that of this channel.")
@click.option("--event", type=click.Choice([*map(str, get_args(BuildEvent))]), help="As if this happened.")
@click.option("--language", type=click.Choice(get_args(Language)), help="In place of the channel's own.")
@click.pass_obj
def preview(
    config: str | None, build_id: str, channel: str | None, event: str | None, language: Language | None
) -> None:
    """Show what each channel would send about a build now; nothing is sent."""
    loaded = configuration(config)
    if channel is not None and channel not in loaded.channels:
        raise click.ClickException(f"there is no channel {channel}: there are {', '.join(loaded.channels)}")

    async def work() -> dict[str, str]:
        async with store_of(config) as store:
            build = await find_build(store, build_id)
            chosen = None if event is None else EventName(event)
            notice = await notice_about(store, build, chosen, system_clock())
            if notice is None:
                raise click.ClickException(f"there is no notice of {build_name(build)} yet: it has not begun")
            return previews(loaded, store.messages, system_clock, notice, language=language, only=channel)

    for name, text in run(work).items():
        click.echo(f"--- {name} ({loaded.channels[name].kind})")
        for line in text.splitlines():
            click.echo(show.plain(line))


@notices.command()
@click.argument("notice_id")
@click.pass_obj
def drop(config: str | None, notice_id: str) -> None:
    """End a notice that waits, unsent; the next one of its build may go then."""

    async def work() -> str:
        async with store_of(config) as store:
            row, _ = await find_notice(store, notice_id)
            name = row.notice.id
            asked = change(Action.NOTICE_DROPPED, name, before={"channel": row.notice.channel})
            if not await store.notices.drop(name, f"dropped by {user()}", asked):
                state = (await find_notice(store, name))[0].state
                raise click.ClickException(f"{name} does not wait: it is {state}")
            return name

    click.echo(tell("dropped {id}", id=run(work)))
