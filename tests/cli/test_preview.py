"""`notices preview`: what each channel would send about a build; nothing is sent."""

# ruff: noqa: RUF001  # Chinese sentences carry Chinese punctuation

from pathlib import Path

import pytest
from support.daemon import Daemon
from support.engines import opened
from support.records import CONFIG, fails, filled, good
from support.scripted import Store

from bridge.model.build import BuildState
from bridge.planning.notice_policy import NoticePolicy
from bridge.runtime.clock import system_clock

SECRET, TOKEN = "SECcanary-of-the-signature", "canary-of-the-token"
TEAM = {"kind": "DING_TALK", "url": f"https://oapi.dingtalk.com/robot/send?access_token={TOKEN}"}
LARK = {"kind": "FEISHU", "url": f"https://open.feishu.cn/open-apis/bot/v2/hook/{TOKEN}", "language": "zh-CN"}
CHANNELS = {"team": {**TEAM, "secret": SECRET}, "lark": {**LARK, "secret": SECRET}}


async def fill(store: Store) -> None:
    """One build that failed an hour ago with our secrets in its log, and one that waits."""
    store.clock.now = system_clock() - 3600
    build = await store.add_build("failed")
    policy = NoticePolicy(store.clock, log_tail=f"curl {TEAM['url']}\nno such file {SECRET}\n")
    await store.builds.transition(build.id, BuildState.FAILED, policy, detail="sh failed with exit code 2")
    await store.add_build("waits")


@pytest.fixture
def daemon(tmp_path: Path) -> Daemon:
    given = Daemon(tmp_path, {**CONFIG, "channels": CHANNELS}, {})
    opened(given.database).close()
    filled(given, fill)
    return given


def test_each_channel_shows_what_it_would_send_now_in_its_language_and_without_secrets(
    daemon: Daemon,
) -> None:
    before = good(daemon, "notices list --json").stdout
    shown = good(daemon, "notices preview acme/shop#1").stdout
    heads = [line for line in shown.splitlines() if line.startswith("--- ")]
    assert heads == ["--- lark (FEISHU)", "--- team (DING_TALK)", "--- message (MESSAGE)"]
    lark, team = shown.split("--- ")[1:3]
    assert "title: [FAILED] acme/shop main #1" in team
    assert "no such file" in team
    assert "content: ❌ 构建失败 · acme/shop" in lark
    assert "原因：" in lark
    assert "canary" not in shown
    assert "late" not in team, "it is as of now"
    assert good(daemon, "notices list --json").stdout == before


def test_one_channel_is_shown_as_if_something_else_had_happened_and_in_another_language(
    daemon: Daemon,
) -> None:
    words = "notices preview --channel team --event buildJobFixed --language zh-CN acme/shop#1"
    shown = good(daemon, words).stdout
    assert shown.startswith("--- team (DING_TALK)\n")
    assert "title: [恢复] acme/shop main #1" in shown
    assert "lark" not in shown


def test_what_cannot_be_shown_is_said(daemon: Daemon) -> None:
    assert fails(daemon, "notices preview acme/shop#2") == (
        "there is no notice of acme/shop #2 yet: it has not begun"
    )
    assert fails(daemon, "notices preview --channel gone acme/shop#1") == (
        "there is no channel gone: there are lark, team, message"
    )


def test_a_template_is_shown_as_it_would_be_sent_or_with_why_it_would_not(tmp_path: Path) -> None:
    own = {
        "buildJobFail": {"title": "{{ repository }} broke", "body": "{{ reason }} | {{ tail | last }}"},
        "buildJobFixed": {"body": "{% if number == 1 %}{{ tail[9] }}{% endif %}"},
    }
    team = {**TEAM, "secret": SECRET, "templates": own}
    given = Daemon(tmp_path, {**CONFIG, "channels": {"team": team}}, {})
    opened(given.database).close()
    filled(given, fill)
    shown = good(given, "notices preview --channel team acme/shop#1").stdout
    assert "title: shop broke" in shown
    assert "- sh failed with exit code 2 ｜ no such file ***" in shown
    failed = good(given, "notices preview --channel team --event buildJobFixed acme/shop#1")
    assert failed.stdout.splitlines()[1] == (
        "the template of buildJobFixed failed, this is the usual text: list object has no element 9; "
        "| default('…') says what stands in its place"
    )
    assert "title: [FIXED] acme/shop main #1" in failed.stdout
    assert failed.stderr == ""
