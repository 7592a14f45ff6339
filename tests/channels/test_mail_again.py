"""What a further attempt of a mail sends, and to whom."""

from dataclasses import replace
from pathlib import Path

import pytest
from support.fake_robots import START
from support.fake_smtp import FakeSmtp, smtp_server
from support.notices import context, notice

from bridge.channels.adapters.mail import attempt
from bridge.channels.adapters.mail.channel import Mail
from bridge.channels.adapters.mail.settings import MailSettings
from bridge.channels.base import Dead, Ok, Retry, Unknown
from bridge.model.notice import Notice
from bridge.runtime import lease

FIRST, SECOND = "first@example.com", "second@example.com"


def channel(server: FakeSmtp) -> Mail:
    settings = {
        "host": "localhost",
        "port": server.port,
        "tls": "none",
        "from": "ci@example.com",
        "to": [FIRST, SECOND],
    }
    return Mail("mail", MailSettings.model_validate(settings), context())


def recipients(server: FakeSmtp) -> list[str]:
    return [recipient for recipient, _ in server.mails]


async def test_a_temporary_rejection_is_tried_again_although_another_recipient_is_rejected(
    tmp_path: Path,
) -> None:
    async with smtp_server(tmp_path, "none") as server:
        team = channel(server)
        server.answers[FIRST].extend(["550 no such user"] * 2)
        server.answers[SECOND].append("450 greylisted")
        assert isinstance(await team.send(notice()), Retry)
        outcome = await team.send(notice())
    assert recipients(server) == [SECOND]
    assert isinstance(outcome, Dead)
    assert (outcome.reason, outcome.why.partition(";")[0]) == ("content", "mails taken by the server: 1")


async def test_a_node_that_stood_still_before_the_mail_sends_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another one may have sent it by then."""
    async with smtp_server(tmp_path, "none") as server:
        monkeypatch.setattr(lease, "_until", lease.now() - 1)
        outcome = await channel(server).send(notice())
    assert isinstance(outcome, Retry)
    assert "this node stood still" in outcome.why
    assert recipients(server) == []


async def test_a_lost_answer_is_reported_before_a_temporary_rejection(tmp_path: Path) -> None:
    async with smtp_server(tmp_path, "none") as server:
        server.answers[FIRST].append("450 greylisted")
        server.answers["DATA"].append("")
        assert isinstance(await channel(server).send(notice()), Unknown)


@pytest.mark.parametrize("answer", ["okay", ""])
async def test_a_recipient_whose_answer_was_lost_does_not_hold_up_the_others(
    answer: str, tmp_path: Path
) -> None:
    async with smtp_server(tmp_path, "none") as server:
        team = channel(server)
        server.answers["DATA"].append(answer)
        outcome = await team.send(notice())
        assert isinstance(outcome, Unknown)
        assert FIRST in outcome.why
        assert recipients(server) == [SECOND]
        assert await team.send(notice()) == Ok("mails taken by the server: 2")
    assert recipients(server) == [SECOND, FIRST, SECOND]


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("MAIL", "251 as you say"),
        ("RCPT", "252 cannot verify, but will try"),
        ("DATA", "251 will forward"),
        ("RSET", "502 not implemented"),
        ("RSET", "451 not now"),
    ],
)
async def test_a_server_that_answers_in_its_own_way_gets_every_mail_once(
    command: str, answer: str, tmp_path: Path
) -> None:
    async with smtp_server(tmp_path, "none") as server:
        server.answers[command].extend([answer] * 2)
        assert await channel(server).send(notice()) == Ok("mails taken by the server: 2")
    assert recipients(server) == [FIRST, SECOND]


async def test_a_server_that_closes_at_the_first_command_is_tried_again(tmp_path: Path) -> None:
    async with smtp_server(tmp_path, "none") as server:
        server.answers["RSET"].append("421 too many sessions")
        outcome = await channel(server).send(notice())
    assert outcome == Retry("the mail server answered 421: too many sessions", attempt.TRY_LATER)
    assert server.mails == []


async def test_a_fault_of_the_bridge_is_not_one_of_the_configuration(tmp_path: Path) -> None:
    async with smtp_server(tmp_path, "none") as server:
        with pytest.raises(ValueError, match="out of range"):
            await channel(server).send(replace(notice(), created_at=1e15))
    assert server.sessions == 0


async def test_a_notice_that_a_person_sends_again_reaches_everybody_again(tmp_path: Path) -> None:
    async with smtp_server(tmp_path, "none") as server:
        team = channel(server)
        for _ in range(2):
            assert await team.send(notice()) == Ok("mails taken by the server: 2")
    assert recipients(server) == [FIRST, SECOND] * 2


async def test_a_mail_that_is_still_too_big_is_rejected_and_the_next_one_sent(
    tmp_path: Path,
) -> None:
    async with smtp_server(tmp_path, "none") as server:
        server.answers["DATA"].append("552 too big")
        server.answers["DATA"].append("552 still too big")
        outcome = await channel(server).send(notice())
    assert isinstance(outcome, Dead)
    assert "552: still too big" in outcome.why
    assert recipients(server) == [SECOND]


async def test_mails_of_one_job_are_one_thread_dated_when_it_happened(tmp_path: Path) -> None:
    def of(number: int, ref: str) -> Notice:
        return replace(notice(number=number, ref_name=ref), id=f"{number}", created_at=START - 60 * number)

    async with smtp_server(tmp_path, "none") as server:
        team = channel(server)
        for each in (of(1, "main"), of(2, "main"), of(3, "other")):
            await team.send(each)
    mails = [message for recipient, message in server.mails if recipient == FIRST]
    assert [message["Date"].datetime.timestamp() for message in mails] == [
        START - 60,
        START - 120,
        START - 180,
    ]
    same, again, other = (message["References"] for message in mails)
    assert same == again != other
    assert len({message["Message-ID"] for message in mails}) == 3


async def test_a_link_in_a_mail_says_what_it_says_and_is_no_markup(tmp_path: Path) -> None:
    sent = notice(sha="<b>1a2b", commit_url="https://git.example.com/x?a=1&b=2")
    async with smtp_server(tmp_path, "none") as server:
        await channel(server).send(sent)
    html = list(server.mails[0][1].iter_parts())[1].get_content()
    assert '<a href="https://git.example.com/x?a=1&amp;b=2">&lt;b&gt;1a2b</a>' in html


def test_a_password_may_be_sent_in_clear_where_that_is_said() -> None:
    values = {"host": "localhost", "tls": "none", "from": "ci@example.com", "to": [FIRST]}
    login = {"username": "ci", "password": "p", "allow_plaintext_auth": True}
    assert MailSettings.model_validate(values | login).username == "ci"
