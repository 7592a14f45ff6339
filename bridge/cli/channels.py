"""`channels`: how they are, and `test`, which sends one real notice."""

import sys

import click

from bridge.channels.base import MessageSink, Ok, Outcome
from bridge.cli import parts, show
from bridge.cli.daemon import test_through_daemon, through_daemon_option
from bridge.cli.rows import print_rows
from bridge.cli.setup import begin_log, configuration, outline, run, store_of
from bridge.cli.speech import reason
from bridge.config.loader import Config
from bridge.errors import StoreError
from bridge.model.notice import Notice
from bridge.planning.notice_policy import ServiceNoticePolicy
from bridge.registry import open_adapters, targets
from bridge.runtime.clock import system_clock
from bridge.runtime.redaction import Redactor
from bridge.services.channel_test import answer_text, end_pauses, notice_of_test
from bridge.store.open import is_made, open_store


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
@through_daemon_option
@click.pass_obj
def test_channel(config: str | None, name: str, *, through_daemon: bool) -> None:
    """Send one real test notice and print the channel's answer.

    Notices that wait since the channel failed are sent at once if it works.
    """
    if through_daemon:
        test_through_daemon(outline(config), "channels", name)
    loaded = configuration(config)
    begin_log(loaded.secrets)
    if name in loaded.settings.pools:
        members = " and ".join(loaded.settings.pools[name])
        raise click.ClickException(f"{name} is a pool: test each of its channels, {members}")
    if name not in loaded.channels:
        raise click.ClickException(f"there is no channel {name}: there are {', '.join(loaded.channels)}")

    service_notices = ServiceNoticePolicy(
        system_clock, loaded.watchers, loaded.settings.pools, loaded.fallbacks
    )

    async def work() -> bool:
        if not is_made(loaded.store_url):
            return _report(loaded, name, await _sent(loaded, name, _NoStore()))
        async with open_store(loaded.store_url, exclusive=False, service_notices=service_notices) as store:
            worked = _report(loaded, name, await _sent(loaded, name, store.messages))
            if worked:
                await end_pauses(store, name, targets(loaded), system_clock())
            return worked

    sys.exit(0 if run(work) else 1)


class _NoStore:
    """Before the first start of the daemon there is no place for messages in the app."""

    async def add_message(self, notice: Notice) -> None:
        raise StoreError(f"notice {notice.id} has no place yet: the daemon makes the store when it starts")


async def _sent(config: Config, name: str, messages: MessageSink) -> Outcome:
    """What the channel made of a test notice."""
    notice = notice_of_test(name, system_clock())
    async with open_adapters(config, messages, system_clock) as adapters:
        return await adapters.channels[name].send(notice)


def _report(config: Config, name: str, outcome: Outcome) -> bool:
    """Print what became of it, and say whether it was taken."""
    worked = isinstance(outcome, Ok)
    answer = show.plain(answer_text(name, outcome))
    click.echo(reason(Redactor(config.secrets).foreign(answer)), err=not worked)
    return worked
