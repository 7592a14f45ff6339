"""The guides of channels: one in each language, with good blocks, and sentences that are really said."""

import re
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
import yaml
from channels.apprise.services import site
from channels.commit_status.host import TOKEN, status_host
from channels.discord.server import discord_server
from channels.feishu.robot import feishu_robot
from channels.mistakes import (
    APPRISE,
    CHECKED,
    COMMIT_STATUS,
    DINGTALK,
    DISCORD,
    FEISHU,
    INVENTED,
    MAIL,
    NTFY,
    ROBOT,
    SLACK,
    SMTP,
    TEAMS,
    TELEGRAM,
    TOLD,
    UNTRUSTED,
    WEBHOOK,
    WECOM,
    WECOM_APP,
    WHSEC,
)
from channels.ntfy.server import TOKEN as NTFY_TOKEN
from channels.ntfy.server import ntfy_server
from channels.slack.workspace import slack_workspace
from channels.teams.workflow import teams_workflow
from channels.telegram.bot_server import bot_server
from channels.webhook.receiver import webhook_receiver
from channels.wecom.robot import wecom_robot
from channels.wecom_app.api import wecom_api
from support.channel_contract import find_contract, make_channel
from support.commands import command
from support.fake_robots import FakeRobot, Turnable, dingtalk_robot
from support.fake_smtp import smtp_server
from support.guides import RULE, blocks, headings, section, shows, tables
from support.notices import context, notice
from support.robot_contract import HookContract
from support.secret_files import write_secret
from support.wrong_servers import answering, certified

from bridge.channels.adapters.mail import attempt
from bridge.channels.base import Ok, Outcome
from bridge.cli.scaffold import invented_secrets
from bridge.cli.speech import Reader
from bridge.registry import CHANNELS
from bridge.runtime.redaction import masked
from bridge.runtime.topics import adapter_topic

LANGUAGES = ("en", "zh-CN")
TITLES = {
    "The robot": "机器人",
    "The server": "邮件服务器",
    "The receiver": "接收方",
    "The app": "应用",
    "The application": "自建应用",
    "The token": "令牌",
    "The workflow": "工作流",
    "The webhook": "Webhook",
    "The topic": "主题",
    "The service": "服务",
    "What is sent": "发送的内容",
    "Where they show": "在哪里看到",
    "Configuration": "配置",
    "The test": "测试",
    "Common mistakes": "常见错误",
    "Good to know": "须知",
}
"""The headings, and what they are in Chinese."""
SOURCES = "sources: {git: {kind: Simple, secrets: [{file: secrets/git}]}}\nbuilders: {here: {kind: dummy}}\n"
ROBOTS = {
    "DING_TALK": DINGTALK,
    "WECOM": WECOM,
    "WECOM_APP": WECOM_APP,
    "FEISHU": FEISHU,
    "SLACK": SLACK,
    "TEAMS": TEAMS,
    "DISCORD": DISCORD,
    "NTFY": NTFY,
    "TELEGRAM": TELEGRAM,
    "WEBHOOK": WEBHOOK,
    "COMMIT_STATUS": COMMIT_STATUS,
    "APPRISE": APPRISE,
}
SIGNED = {"DING_TALK", "FEISHU"}
SECRET = "SECof-the-robot"

GUIDED = [kind for kind in CHANNELS if adapter_topic("channels", CHANNELS.folder(kind)).is_there]
every_kind = pytest.mark.parametrize("kind", GUIDED)
every_language = pytest.mark.parametrize("language", LANGUAGES)


def guide(kind: str, language: str) -> str:
    return CHANNELS.text(kind, f"guide.{language}.md")


def titled(title: str, language: str) -> str:
    return title if language == "en" else TITLES[title]


def test_every_kind_that_needs_something_prepared_has_a_guide() -> None:
    needing = [kind for kind in CHANNELS if (Path(str(CHANNELS.folder(kind))) / "secrets.yaml").is_file()]
    assert {*needing, "MAIL", "MESSAGE"} <= {*GUIDED}


@every_kind
def test_both_languages_have_the_same_parts(kind: str) -> None:
    ours, theirs = (headings(guide(kind, language)) for language in LANGUAGES)
    assert theirs == [TITLES[title] for title in ours]
    shown = [blocks(guide(kind, one), "yaml") for one in LANGUAGES]
    assert shown[0]
    assert shown[0] == shown[1]


@every_kind
def test_the_configuration_that_a_guide_shows_passes_the_check(kind: str, tmp_path: Path) -> None:
    (block,) = blocks(guide(kind, "en"), "yaml")
    (tmp_path / "secrets").mkdir()
    for name, value in invented_secrets().items():
        write_secret(tmp_path / "secrets" / name, value.replace("CHANGE", "0123456789abcdef"))
    for name in ("git", "dingtalk-sign", "feishu-sign", "ntfy-token", "smtp-password"):
        write_secret(tmp_path / "secrets" / name, "0123456789abcdef")
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules/shop.yaml").write_text(RULE)
    (tmp_path / "bridge.yaml").write_text(SOURCES + block)
    done = command("check", "--config", tmp_path / "bridge.yaml")
    assert (done.status, done.stderr) == (0, ""), done.stdout
    assert "warning" not in done.stdout


@every_language
@every_kind
def test_the_tables_have_the_mistakes_that_are_tried_here(kind: str, language: str) -> None:
    found = section(guide(kind, language), titled("Common mistakes", language)) if TOLD[kind] else ""
    owned = [INVENTED] if kind in ROBOTS else []
    tried = [{*CHECKED[kind], *owned}, TOLD[kind]] if TOLD[kind] else []
    assert [{*one} for one in tables(found)] == tried


@pytest.mark.parametrize("kind", TOLD)
def test_what_is_said_of_a_mistake_does_not_look_like_a_secret(kind: str) -> None:
    """What does is taken out of every output, and the reader would miss a word."""
    assert [sentence for sentence in TOLD[kind] if masked(sentence) != sentence] == []


@pytest.mark.parametrize(("kind", "sentence"), [(kind, one) for kind in CHECKED for one in CHECKED[kind]])
def test_the_check_names_a_common_mistake(kind: str, sentence: str, tmp_path: Path) -> None:
    said = checked(tmp_path, {"kind": kind, **CHECKED[kind][sentence]})
    assert re.search(
        rf"^\S*bridge\.yaml:\d+:\d+: channels\.team\b.*{re.escape(sentence)}", said, re.MULTILINE
    ), said


@pytest.mark.parametrize("kind", ROBOTS)
def test_the_check_names_what_init_invented(kind: str, tmp_path: Path) -> None:
    command("init", tmp_path, "--channel", kind)
    assert shows(INVENTED, command("check", "--config", tmp_path / "bridge.yaml").stdout)


def checked(folder: Path, channel: Mapping[str, Any]) -> str:
    (folder / "secrets").mkdir()
    (folder / "secrets" / "git").write_text("0123456789abcdef")
    file = folder / "bridge.yaml"
    file.write_text(SOURCES + yaml.safe_dump({"channels": {"team": dict(channel)}}))
    done = command("check", "--config", file)
    assert done.status == 1
    return done.stdout + done.stderr


def proof(kind: str) -> dict[str, Any]:
    """The settings that prove who sends."""
    if kind == "COMMIT_STATUS":
        return {"host": "GitHub", "token": TOKEN}
    proofs: Mapping[str, dict[str, Any]] = {"WEBHOOK": {"secrets": [WHSEC]}, "NTFY": {"token": NTFY_TOKEN}}
    return {"secret": SECRET} if kind in SIGNED else proofs.get(kind, {})


def reached(kind: str, url: str) -> dict[str, Any]:
    """The settings that reach the peer of this URL."""
    if kind == "APPRISE":
        url = url.replace("http", "json", 1)
    if "url" in CHANNELS[kind].Settings.model_fields:
        return ROBOT | {"url": url} | proof(kind)
    contract = find_contract(kind)
    assert contract is not None
    return {**contract.settings(FakeRobot(url))}


def robot(kind: str) -> AbstractAsyncContextManager[FakeRobot]:
    clock = Turnable()
    robots: Mapping[str, Callable[[], AbstractAsyncContextManager[FakeRobot]]] = {
        "DING_TALK": lambda: dingtalk_robot(clock, secret=SECRET),
        "WECOM": lambda: wecom_robot(clock),
        "WECOM_APP": lambda: wecom_api(clock),
        "FEISHU": lambda: feishu_robot(clock, secret=SECRET),
        "SLACK": lambda: slack_workspace(clock),
        "TEAMS": lambda: teams_workflow(clock),
        "DISCORD": lambda: discord_server(clock),
        "NTFY": lambda: ntfy_server(clock),
        "TELEGRAM": lambda: bot_server(clock),
        "WEBHOOK": lambda: webhook_receiver(clock, secret=WHSEC),
        "COMMIT_STATUS": status_host,
        "APPRISE": lambda: site("json"),
    }
    return robots[kind]()


def text_of(outcome: Outcome) -> str:
    return outcome.detail if isinstance(outcome, Ok) else outcome.why


async def sent(kind: str, settings: Mapping[str, Any]) -> str:
    """What `channels test` says of a channel with these settings."""
    adapter = CHANNELS[kind]
    channel = adapter("team", adapter.Settings.model_validate(settings), context())
    outcome = await channel.send(notice())
    await channel.aclose()
    return text_of(outcome)


@pytest.mark.parametrize(("kind", "sentence"), [(kind, one) for kind, each in ROBOTS.items() for one in each])
async def test_the_test_of_a_robot_names_a_common_mistake(kind: str, sentence: str) -> None:
    async with robot(kind) as peer:
        good = reached(kind, peer.url)
        said = await sent(kind, good | (ROBOTS[kind][sentence](peer) or {}))
    assert shows(sentence, said), said


@pytest.mark.parametrize("kind", ROBOTS)
async def test_the_test_of_a_robot_names_an_unknown_authority(kind: str, tmp_path: Path) -> None:
    server, _ = certified("of an unknown authority", tmp_path)
    contract = find_contract(kind)
    path = contract.path if isinstance(contract, HookContract) else "/api"
    with answering(b"", server) as port:
        url = f"https://localhost:{port}{path}"
        said = await sent(kind, reached(kind, url))
    assert shows(UNTRUSTED, said), said


@pytest.mark.parametrize("sentence", SMTP)
async def test_the_test_of_mail_names_a_common_mistake(
    sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempt, "STEP_TIMEOUT", 0.3)
    tls, mistake = SMTP[sentence]
    async with smtp_server(tmp_path, tls, auth=tls == "starttls") as server:
        good = MAIL | {"port": server.port, "tls": tls, "ca_file": str(server.ca_file)}
        said = await sent("MAIL", good | (mistake(server) or {}))
    assert shows(sentence, said), said


@every_language
@every_kind
async def test_what_a_guide_expects_of_the_test_is_said(kind: str, language: str, tmp_path: Path) -> None:
    (expected,) = blocks(section(guide(kind, language), titled("The test", language)), "text")
    contract = find_contract(kind)
    assert contract is not None
    name = "message" if kind == "MESSAGE" else "team"
    async with contract.serve(tmp_path, Turnable()) as peer:
        channel = make_channel(kind, contract, peer)
        outcome = await channel.send(notice())
        await channel.aclose()
    assert isinstance(outcome, Ok)
    said = f"ok: {outcome.detail or f'{name} took a test notice'}"
    assert expected.strip() == Reader(given=language).reason(said)
