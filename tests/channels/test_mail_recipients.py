"""The unit of sending is the recipient: what one mailbox does not take holds up nobody else."""

from pathlib import Path

import pytest
from support.fake_smtp import FakeSmtp, smtp_server
from support.harness import Harness
from support.listed import newest_notices
from support.notices import context
from support.notifying import put
from support.scripted import Clock, Store, open_store

from bridge.channels.adapters.mail.channel import Mail
from bridge.channels.adapters.mail.settings import MailSettings
from bridge.config.channels import ChannelSettings
from bridge.services.notifier import FAILURES, Notifier, Target
from bridge.store.sql import outbox
from bridge.store.values import NoticeFilter

FULL, FINE, OTHER = "full@example.com", "fine@example.com", "other@example.com"
MAILBOX_FULL = "452 mailbox full"


class MailHarness(Harness):
    """A notifier on a mail channel."""

    def __init__(self, store: Store, server: FakeSmtp, *to: str) -> None:
        super().__init__(store)
        values = {"host": "localhost", "port": server.port, "tls": "none", "from": "ci@example.com", "to": to}
        mail = Mail("mail", MailSettings.model_validate(values | {"to": list(to)}), context())
        self.add(
            Notifier(
                "mail",
                mail,
                Target("mail"),
                ChannelSettings(),
                notices=store.notices,
                health=store.health,
                clock=store.clock,
                wake_notifiers=self.hand_over("wake_notifiers"),
            )
        )


def taken(server: FakeSmtp) -> list[tuple[str, str]]:
    """The recipients of the mails that were taken, each with the end of the notice's id in it."""
    found = []
    for recipient, message in server.mails:
        text = next(message.iter_parts()).get_content()
        found.append((recipient, text.partition("N-")[2].split()[0].partition(".")[0]))
    return found


async def outcomes(store: Store) -> list[tuple[str, str | None, str]]:
    rows = await newest_notices(store, 100, NoticeFilter(channel="mail"))
    return [(row.notice.id, row.notice.recipient, row.state) for row in reversed(rows)]


async def test_a_full_mailbox_holds_back_nobody_else(store: Store, tmp_path: Path) -> None:
    async with smtp_server(tmp_path, "none") as server:
        server.answers[FULL].extend([MAILBOX_FULL] * 3)
        await put(store, "a", "b", channel="mail")
        async with MailHarness(store, server, FULL, FINE, OTHER).running() as harness:
            assert taken(server) == [(FINE, "a"), (OTHER, "a"), (FINE, "b"), (OTHER, "b")]
            for _ in range(3):
                await harness.advance(301)
            assert [recipient for recipient, _ in taken(server)[4:]] == [FULL], "late by minutes: in one mail"
    of_full = {name: str(state) for name, recipient, state in await outcomes(store) if recipient == FULL}
    assert (of_full.pop("a"), of_full.pop("b"), *of_full.values()) == ("merged", "merged", "sent")


async def test_after_a_restart_only_those_without_the_mail_get_it(tmp_path: Path) -> None:
    clock = Clock()
    async with smtp_server(tmp_path, "none") as server:
        server.answers[FULL].append(MAILBOX_FULL)
        async with open_store(tmp_path, clock) as store:
            await put(store, "a", channel="mail")
            async with MailHarness(store, server, FULL, FINE).running():
                assert taken(server) == [(FINE, "a")]
        async with open_store(tmp_path, clock) as store:
            await store.recover(["mail"], [])
            async with MailHarness(store, server, FULL, FINE).running():
                assert taken(server) == [(FINE, "a"), (FULL, "a")]


async def test_a_rejected_recipient_ends_alone(store: Store, tmp_path: Path) -> None:
    async with smtp_server(tmp_path, "none") as server:
        server.answers[FULL].append("550 no such user")
        await put(store, "a", channel="mail")
        async with MailHarness(store, server, FULL, FINE).running():
            assert await outcomes(store) == [("a", FULL, "dead"), ("a.01", FINE, "sent")]


async def test_a_full_mailbox_is_no_outage_of_the_channel(store: Store, tmp_path: Path) -> None:
    async with smtp_server(tmp_path, "none") as server:
        server.answers[FULL].extend([MAILBOX_FULL] * (FAILURES + 1))
        for number in range(FAILURES + 1):
            await put(store, f"n{number}", channel="mail", job=f"job-{number}")
        async with MailHarness(store, server, FULL).running() as harness:
            assert not server.answers[FULL]
            assert not await harness.is_down("channel:mail")


async def test_who_is_no_recipient_any_more_gets_no_mail(tmp_path: Path) -> None:
    clock = Clock()
    async with smtp_server(tmp_path, "none") as server:
        server.answers[FULL].append(MAILBOX_FULL)
        async with open_store(tmp_path, clock) as store:
            await put(store, "a", channel="mail")
            async with MailHarness(store, server, FULL).running():
                assert server.mails == []
        async with open_store(tmp_path, clock) as store:
            async with MailHarness(store, server, FINE).running():
                assert server.mails == []
            assert await outcomes(store) == [("a", FULL, "dead")]


async def test_many_notices_to_many_recipients_are_sent_in_their_order(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "_AT_ONCE", 3)
    names = [f"n{number}" for number in range(8)]
    async with smtp_server(tmp_path, "none") as server:
        await put(store, *names, channel="mail")
        async with MailHarness(store, server, FINE, OTHER).running():
            found = taken(server)
    for recipient in (FINE, OTHER):
        assert [name for who, name in found if who == recipient] == names
