"""`channels`: how they are, and `test`, which sends one real notice."""

import sys
from collections.abc import Mapping
from typing import Final

import click
from uuid_utils import uuid7

from bridge.channels.base import MessageSink, Ok, Outcome
from bridge.cli import parts, show
from bridge.cli.rows import print_rows
from bridge.cli.setup import configuration, outline, run, store_of
from bridge.config.loader import Config
from bridge.errors import StoreError
from bridge.model.notice import EventName, Notice, ServiceFacts
from bridge.planning.notice_policy import ServiceNoticePolicy
from bridge.registry import open_adapters, targets
from bridge.runtime import log
from bridge.runtime.clock import system_clock
from bridge.runtime.redaction import Redactor
from bridge.store.base import Store
from bridge.store.open import open_store

_NOTHING_HAPPENED: Final = {
    "en": "this is a test, nothing happened",
    "zh-CN": "这是一次测试, 没有发生任何事情",
}


@click.group()
def channels() -> None:
    """The channels that send notices."""


@channels.command("list")
@show.json_option
@click.pass_obj
def list_channels(config: str | None, *, as_json: bool) -> None:
    """List the channels: which are up, down or paused, since when and why, and how many notices wait."""

    async def work() -> list[parts.Document]:
        async with store_of(config) as store:
            found = outline(config)
            return await parts.channel_documents(found, store, await parts.backlog_of(found, store))

    print_rows(run(work), parts.CHANNEL_COLUMNS, as_json=as_json)


@channels.command("test")
@click.argument("name")
@click.pass_obj
def test_channel(config: str | None, name: str) -> None:
    """Send one real test notice and print the channel's answer.

    Notices that wait since the channel failed are sent at once if it works.
    """
    loaded = configuration(config)
    log.configure(loaded.secrets, level="WARNING")
    if name not in loaded.channels:
        raise click.ClickException(f"there is no channel {name}: there are {', '.join(loaded.channels)}")

    watchers = [one.subscription for one in loaded.default_notices]
    service_notices = ServiceNoticePolicy(system_clock, watchers)

    async def work() -> bool:
        if not loaded.store_file.exists():
            return _report(loaded, name, await _sent(loaded, name, _NoStore()))
        async with open_store(loaded.store_url, exclusive=False, service_notices=service_notices) as store:
            worked = _report(loaded, name, await _sent(loaded, name, store.messages))
            if worked:
                await _end_pauses(store, name, targets(loaded))
            return worked

    sys.exit(0 if run(work) else 1)


async def _end_pauses(store: Store, name: str, shared: Mapping[str, str]) -> None:
    """Have what waits sent: the channel works, and so does every other one with the same robot."""
    await store.health.restore(f"channel:{name}", "it took a test notice")
    await store.notices.pause(shared[name], system_clock())
    for other in (one for one, target in shared.items() if target == shared[name]):
        if (await store.health.get(f"channel:{other}")).down_since is None:
            await store.health.resume(f"channel:{other}")
    await store.notices.hurry(name)


class _NoStore:
    """Before the first start of the daemon there is no place for messages in the app."""

    async def add_message(self, notice: Notice) -> None:
        raise StoreError(f"notice {notice.id} has no place yet: the daemon makes the store when it starts")


async def _sent(config: Config, name: str, messages: MessageSink) -> Outcome:
    """What the channel made of a test notice."""
    notice = Notice(
        id=str(uuid7()),
        channel=name,
        event=EventName.RESTORED,
        facts=ServiceFacts(
            subject=f"channel:{name}", detail=_NOTHING_HAPPENED[config.settings.language], is_test=True
        ),
        created_at=system_clock(),
    )
    async with open_adapters(config, messages, system_clock) as adapters:
        return await adapters.channels[name].send(notice)


def _report(config: Config, name: str, outcome: Outcome) -> bool:
    """Print what became of it, and say whether it was taken."""
    worked = isinstance(outcome, Ok)
    why = outcome.detail or f"{name} took a test notice" if isinstance(outcome, Ok) else outcome.why
    answer = show.plain(f"{outcome.label}: {why}")
    click.echo(Redactor(config.secrets).foreign(answer), err=not worked)
    return worked
