"""`silences`: they hold notices for a time."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

import click
from pydantic import TypeAdapter, ValidationError
from uuid_utils import uuid7

from bridge.cli import show
from bridge.cli.setup import change, outline, run, store_of, user
from bridge.cli.speech import reason, tell
from bridge.config.types import Duration
from bridge.model.audit import Action
from bridge.model.notice import EventName
from bridge.model.silence import Silence
from bridge.runtime.clock import system_clock
from bridge.store.base import Store
from bridge.web.api.core.errors import Invalid
from bridge.web.api.core.silences import MAX_LISTED, MAX_REASON, TOO_MANY, check
from bridge.web.api.silence_documents import matcher_text, silence_document

COLUMNS: Final = ("id", "holds", "until", "author", "held", "reason")
_LENGTH: Final = re.compile(r"[0-9]+[a-z]+")
_MAX_TEXT: Final = 300


def _until(_context: click.Context, _option: click.Parameter, value: str) -> float:
    try:
        if _LENGTH.fullmatch(value):
            length: Any = TypeAdapter(Duration).validate_python(value)
            return system_clock() + float(length.total_seconds())
        return datetime.fromisoformat(value).astimezone().timestamp()
    except (ValidationError, ValueError, OverflowError):
        raise click.BadParameter(
            f"{value} is neither a time, such as 2026-11-21T08:00:00+08:00, nor a length, such as 30m or 2h"
        ) from None


def _text(name: str, most: int) -> Callable[[Any, Any, str | None], str | None]:
    def checked(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
        if value is not None and not 0 < len(value) <= most:
            raise click.BadParameter(f"{name} has 1 to {most} characters")
        return value

    return checked


@click.group()
def silences() -> None:
    """Hold notices for a time."""


@silences.command()
@click.option("--repository", callback=_text("a pattern", _MAX_TEXT), help="NAMESPACE/REPO_NAME, or NS/*.")
@click.option("--ref", callback=_text("a pattern", _MAX_TEXT), help="A branch or tag, such as release/*.")
@click.option(
    "--event",
    "events",
    multiple=True,
    type=click.Choice([str(event) for event in EventName]),
    help="May be given several times.",
)
@click.option("--channel")
@click.option(
    "--until",
    required=True,
    callback=_until,
    metavar="TIME",
    help="How long, such as 2h, or ISO 8601; at most 90 days.",
)
@click.option(
    "--reason",
    required=True,
    callback=_text("a reason", MAX_REASON),
    help="Why, for those who look for news.",
)
@show.json_option
@click.pass_obj
def add(
    config: str | None,
    *,
    repository: str | None,
    ref: str | None,
    events: tuple[str, ...],
    channel: str | None,
    until: float,
    reason: str,
    as_json: bool,
) -> None:
    """Send no notices that match all of what is given, also none that wait.

    Each says which silence has held it, see `notices list --state suppressed`. Messages in the app come
    anyway, and what is about Buildbridge itself unless --event names it.
    """
    now = system_clock()
    silence = Silence(
        id=str(uuid7()),
        created_at=now,
        until=until,
        author=user(),
        reason=reason,
        repository=repository,
        ref=ref,
        events=frozenset(map(EventName, events)),
        channel=channel,
    )
    try:
        check(silence, outline(config).channel_kinds, now)
    except Invalid as error:
        raise click.UsageError(str(error)) from None

    async def work() -> None:
        async with store_of(config) as store:
            after = silence_document(silence, now)
            if not await store.silences.add(silence, change(Action.SILENCE_ADDED, silence.id, after=after)):
                raise click.ClickException(TOO_MANY)

    run(work)
    if as_json:
        show.objects([{**silence_document(silence, now)}])
    else:
        click.echo(tell("silence {id} holds {what}", id=silence.id, what=_holds(silence)))


@silences.command("list")
@click.option("--all", "with_ended", is_flag=True, help="Those that have ended, too.")
@show.json_option
@click.pass_obj
def list_silences(config: str | None, *, with_ended: bool, as_json: bool) -> None:
    """List the silences in force, and how many notices each has held."""

    async def work() -> list[dict[str, Any]]:
        async with store_of(config) as store:
            found = await (store.silences.newest(MAX_LISTED) if with_ended else store.silences.active())
            return documents(found)

    rows = run(work)
    if as_json:
        show.objects([{name: value for name, value in row.items() if name != "holds"} for row in rows])
    else:
        show.table(rows, (*COLUMNS, "state") if with_ended else COLUMNS)


@silences.command()
@click.argument("silence_id", metavar="ID")
@click.pass_obj
def end(config: str | None, silence_id: str) -> None:
    """End a silence before its time; what it has held is not sent any more.

    ID is the id of a silence, or the beginning or end of it.
    """

    async def work() -> str:
        async with store_of(config) as store:
            found = await _find(store, silence_id)
            before = silence_document(found, system_clock())
            if not await store.silences.end(found.id, change(Action.SILENCE_ENDED, found.id, before=before)):
                raise click.ClickException(f"{found.id} has ended before: see `silences list`")
            return found.id

    click.echo(tell("ended {id}", id=run(work)))


def documents(found: list[Silence]) -> list[dict[str, Any]]:
    """Silences as rows, with what each holds in a line."""
    now = system_clock()
    return [{**silence_document(one, now), "holds": matcher_text(one)} for one in found]


def _holds(silence: Silence) -> str:
    return reason(matcher_text(silence))


async def _find(store: Store, name: str) -> Silence:
    """The silence of an id, or of its beginning or end. Raises ClickException."""
    if (found := await store.silences.get(name)) is not None:
        return found
    listed = [*await store.silences.active(), *await store.silences.newest(MAX_LISTED)]
    like = list({one.id: one for one in listed if one.id.startswith(name) or one.id.endswith(name)}.values())
    if len(like) != 1:
        why = f"may be each of these: {', '.join(one.id for one in like[:10])}" if like else "is no silence"
        raise click.ClickException(f"{name} {why}: see `silences list --all`")
    return like[0]
