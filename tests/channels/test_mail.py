import base64
import logging
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import anyio
import pytest
from pydantic import ValidationError
from support.fake_robots import rude_server
from support.fake_smtp import PASSWORD, USERNAME, FakeSmtp, smtp_server
from support.notices import SERVICE, context, notice

from bridge.channels.adapters.mail import attempt
from bridge.channels.adapters.mail import channel as mail
from bridge.channels.adapters.mail.channel import Mail
from bridge.channels.adapters.mail.settings import MailSettings
from bridge.channels.base import Dead, Ok, Retry, Unknown
from bridge.model.event import Person
from bridge.model.notice import EventName

TEAM = ["Team <team@example.com>", "ops@example.com"]


def channel(server: FakeSmtp, folder: Path, **changes: Any) -> Mail:
    settings = {
        "host": "localhost",
        "port": server.port,
        "from": "CI 构建 <ci@example.com>",
        "to": TEAM,
        "ca_file": str(folder / "ca.pem"),
    }
    return Mail("mail", MailSettings.model_validate(settings | changes), context())


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
async def test_each_recipient_gets_a_separate_mail(
    tls: Literal["starttls", "implicit"], tmp_path: Path
) -> None:
    async with smtp_server(tmp_path, tls, auth=True) as server:
        team = channel(server, tmp_path, tls=tls, username=USERNAME, password=PASSWORD)
        assert await team.send(notice()) == Ok("mails taken by the server: 2")
    assert [recipient for recipient, _ in server.mails] == ["team@example.com", "ops@example.com"]
    first, second = (message for _, message in server.mails)
    assert first["Subject"] == "[失败] acme/shop main #128"
    assert first["From"] == "CI 构建 <ci@example.com>"
    assert first["To"] == "Team <team@example.com>"
    assert first["Auto-Submitted"] == "auto-generated"
    assert first["List-Id"] == "Buildbridge notices <buildbridge.example.com>"
    assert first["Date"].datetime.timestamp() == 1_700_000_000
    assert first["Message-ID"] != second["Message-ID"]
    assert first["References"] == second["References"] == first["In-Reply-To"]
    plain, html = first.iter_parts()
    assert plain["Content-Transfer-Encoding"] == html["Content-Transfer-Encoding"] == "base64"
    assert "提交 修复登录超时" in plain.get_content()
    assert '<a href="https://ci.example.com/job/shop/128/">查看日志</a>' in html.get_content()


async def test_a_password_may_be_outside_ascii(tmp_path: Path) -> None:
    async with smtp_server(tmp_path, "starttls", auth=True) as server:
        server.password = "пароль-密码"
        team = channel(server, tmp_path, username=USERNAME, password=server.password)
        assert await team.send(notice()) == Ok("mails taken by the server: 2")


async def test_a_host_that_is_no_name_is_a_fault_of_the_configuration(tmp_path: Path) -> None:
    outcome = await channel(FakeSmtp(port=25), tmp_path, tls="none", host="x" * 64 + ".example").send(
        notice()
    )
    assert isinstance(outcome, Dead)
    assert outcome.reason == "config"


async def test_a_hostile_commit_cannot_write_headers_or_markup(tmp_path: Path) -> None:
    sent = notice(
        ref_name="main\r\nBcc: eve@example.com",
        subject="<script>alert(1)</script>\r\n.\r\nRCPT TO:<eve@example.com>",
        author=Person("Eve\r\nX: y", None),
        log_tail=".\r\nMAIL FROM:<>\r\n<b>bold</b>",
    )
    async with smtp_server(tmp_path, "none") as server:
        assert await channel(server, tmp_path, tls="none", to=["a@example.com"]).send(sent) == Ok(
            "mails taken by the server: 1"
        )
    ((_, message),) = server.mails
    assert message["Bcc"] is None
    assert message["Subject"] == "[失败] acme/shop main Bcc: eve@example.com #128"
    html = list(message.iter_parts())[1].get_content()
    assert "<script" not in html
    assert "<b>" not in html


async def test_a_repeat_goes_to_its_recipient_alone_and_keeps_its_id(tmp_path: Path) -> None:
    sent = replace(notice(), recipient="ops@example.com")
    async with smtp_server(tmp_path, "none") as server:
        server.answers["ops@example.com"].append("450 greylisted")
        outcome = await channel(server, tmp_path, tls="none").send(sent)
        assert outcome == Retry(
            "ops@example.com: the mail server answered 450: greylisted", attempt.TRY_LATER, of_notice=True
        )
        for _ in range(2):
            outcome = await channel(server, tmp_path, tls="none").send(sent)
            assert outcome == Ok("mails taken by the server: 1")
    assert [recipient for recipient, _ in server.mails] == ["ops@example.com"] * 2
    assert len({message["Message-ID"] for _, message in server.mails}) == 1


@pytest.mark.parametrize("command", ["ops@example.com", "DATA"])
async def test_a_rejected_recipient_is_reported_and_the_others_get_their_mail(
    command: str, tmp_path: Path
) -> None:
    async with smtp_server(tmp_path, "none") as server:
        server.answers[command].append("550 5.1.1 not here")
        outcome = await channel(server, tmp_path, tls="none").send(notice())
    assert isinstance(outcome, Dead)
    assert outcome.reason == "content"
    assert "by the server: 1;" in outcome.why
    assert "not here" in outcome.why
    assert len(server.mails) == 1


async def test_a_mail_that_is_too_big_is_shortened_once(tmp_path: Path) -> None:
    async with smtp_server(tmp_path, "none") as server:
        server.answers["DATA"].append("552 too big")
        outcome = await channel(server, tmp_path, tls="none", to=["a@example.com"]).send(notice())
    assert isinstance(outcome, Ok)
    ((_, message),) = server.mails
    assert "no such file" not in next(message.iter_parts()).get_content()


@pytest.mark.parametrize(
    ("refusal", "expected"),
    [("421 closing", Retry), ("451 later", Retry), ("530 log in first", Dead), ("550 not you", Dead)],
)
async def test_a_rejected_sender_concerns_the_whole_channel(
    refusal: str, expected: type, tmp_path: Path
) -> None:
    async with smtp_server(tmp_path, "none") as server:
        server.answers["MAIL"].append(refusal)
        outcome = await channel(server, tmp_path, tls="none").send(notice())
    assert isinstance(outcome, expected)
    assert not isinstance(outcome, Dead) or outcome.reason == "config"


async def test_a_connection_that_breaks_after_the_mail_may_have_brought_it(tmp_path: Path) -> None:
    async with smtp_server(tmp_path, "none") as server:
        server.answers["DATA"].append("")
        outcome = await channel(server, tmp_path, tls="none").send(notice())
    assert isinstance(outcome, Unknown)


async def test_a_server_without_starttls_gets_neither_mail_nor_password(tmp_path: Path) -> None:
    async with smtp_server(tmp_path, "none") as server:
        outcome = await channel(server, tmp_path, username=USERNAME, password=PASSWORD).send(notice())
    assert isinstance(outcome, Dead)
    assert outcome.reason == "config"
    assert "STARTTLS" in outcome.why
    assert server.mails == []


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
async def test_an_untrusted_certificate_is_rejected(
    tls: Literal["starttls", "implicit"], tmp_path: Path
) -> None:
    async with smtp_server(tmp_path, tls) as server:
        outcome = await channel(server, tmp_path, tls=tls, ca_file=None).send(notice())
    assert isinstance(outcome, Dead)
    assert outcome.reason == "config"
    assert "not trusted here: set ca_file" in outcome.why
    assert server.mails == []


async def test_a_wrong_password_is_not_shown_either(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="bridge")
    async with smtp_server(tmp_path, "starttls", auth=True) as server:
        outcome = await channel(server, tmp_path, username="other", password=PASSWORD).send(notice())
    assert isinstance(outcome, Dead)
    assert outcome.reason == "config"
    assert "535" in outcome.why
    sent = (PASSWORD, f"\0other\0{PASSWORD}")
    for shown in (PASSWORD, *(base64.b64encode(text.encode()).decode() for text in sent)):
        assert shown not in repr(outcome) + caplog.text


async def test_a_broken_handshake_is_no_fault_of_the_configuration(tmp_path: Path) -> None:
    async with rude_server() as host:
        port = int(host.rpartition(":")[2])
        outcome = await channel(FakeSmtp(port=port), tmp_path, tls="implicit", ca_file=None).send(notice())
    assert outcome == Retry("no session with localhost: ConnectionResetError", attempt.TRY_LATER)


async def test_a_server_without_tls_where_tls_is_expected_is_tried_again(tmp_path: Path) -> None:
    async with smtp_server(tmp_path, "none") as server:
        outcome = await channel(server, tmp_path, tls="implicit").send(notice())
    assert isinstance(outcome, Retry)
    assert outcome.why == (
        "no session with localhost: localhost answers without TLS at this port: "
        "set tls: starttls, or the port for tls: implicit"
    )
    assert server.mails == []


@pytest.mark.parametrize("tls", ["starttls", "none"])
async def test_a_server_that_waits_for_tls_in_place_of_a_greeting_is_named(
    tls: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempt, "STEP_TIMEOUT", 0.2)
    async with smtp_server(tmp_path, "implicit") as server:
        outcome = await channel(server, tmp_path, tls=tls).send(notice())
    assert outcome == Dead("config", f"port {server.port} of localhost begins with TLS: set tls: implicit")


async def test_a_server_that_is_not_there_has_no_mail(tmp_path: Path) -> None:
    outcome = await channel(FakeSmtp(port=1), tmp_path, tls="none").send(notice())
    assert outcome == Retry("no session with localhost: ConnectionRefusedError", attempt.TRY_LATER)


async def test_a_server_that_never_speaks_does_not_hold_the_channel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail, "TOTAL_TIMEOUT", 0.3)
    monkeypatch.setattr(attempt, "STEP_TIMEOUT", 1.0)
    async with rude_server() as host:
        port = int(host.rpartition(":")[2])
        with anyio.fail_after(5):
            outcome = await channel(FakeSmtp(port=port), tmp_path, tls="none").send(notice())
    assert isinstance(outcome, Unknown)


async def test_a_server_that_is_slow_to_greet_gets_the_mail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempt, "STEP_TIMEOUT", 0.2)
    async with smtp_server(tmp_path, "none") as server:
        server.greets_after = 0.5
        outcome = await channel(server, tmp_path, tls="none", to=["a@example.com"]).send(notice())
    assert outcome == Ok("mails taken by the server: 1")


async def test_a_server_that_never_greets_has_no_mail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempt, "STEP_TIMEOUT", 0.1)
    monkeypatch.setattr(attempt, "GREETING_TIMEOUT", 0.1)
    async with rude_server() as host:
        port = int(host.rpartition(":")[2])
        outcome = await channel(FakeSmtp(port=port), tmp_path, tls="none").send(notice())
    assert isinstance(outcome, Retry)
    assert outcome.why.startswith("no session with localhost: ")


@pytest.mark.parametrize(
    ("known", "named"),
    [("ci.example.com", "ci.example.com"), ("vm", "[127.0.0.1]"), ("1.0.0.127.in-addr.arpa", "[127.0.0.1]")],
)
async def test_a_greeting_names_the_whole_host_or_its_address(
    known: str, named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "getfqdn", lambda: known)
    async with smtp_server(tmp_path, "none") as server:
        await channel(server, tmp_path, tls="none").send(notice())
    assert server.greetings == [named]


async def test_a_notice_about_the_bridge_itself_is_sent(tmp_path: Path) -> None:
    async with smtp_server(tmp_path, "none") as server:
        await channel(server, tmp_path, tls="none").send(notice(EventName.RESTORED, SERVICE))
    assert server.mails[0][1]["Subject"] == "[恢复] jenkins"


@pytest.mark.parametrize(
    ("changes", "cure"),
    [
        ({"tls": "none", "username": "ci", "password": "p"}, "in clear"),
        ({"username": "ci"}, "go together"),
        ({"to": []}, "at least 1"),
        ({"to": ["a@example.com, b@example.com"]}, "one mail address"),
        ({"to": ["a@example.com\r\nBcc: b@example.com"]}, "mail address"),
        ({"to": ["nobody"]}, "mail address"),
        ({"from": "ci@bücher.example"}, "ASCII"),
    ],
)
def test_wrong_settings_are_reported(changes: dict[str, Any], cure: str, tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match=cure):
        channel(FakeSmtp(port=25), tmp_path, **changes)
