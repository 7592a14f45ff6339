"""`channels test`: one real notice, and what the channel made of it."""

from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest
from support.commands import Done, command
from support.daemon import Daemon
from support.engines import execute, opened, unmake, url_of
from support.fake_robots import answer, dingtalk_robot, errcode
from support.listed import newest_notices
from support.outbox import claim, next_due

from bridge.model.notice import EventName, Notice, NoticeState, ServiceFacts
from bridge.runtime.clock import system_clock
from bridge.store.base import Store
from bridge.store.open import is_made, open_store
from bridge.store.values import NoticeFilter

SIGN, TOKEN = "SECcanary-of-the-signature", "canary-of-the-token-in-the-address"


def prepared(folder: Path, url: str, secret: str = SIGN) -> Daemon:
    team = {"kind": "DING_TALK", "url": url, "secret": secret, "allow_private": True}
    daemon = Daemon(folder, {"channels": {"team": team}}, {})
    opened(daemon.database).close()
    return daemon


async def asked(daemon: Daemon, name: str = "team") -> Done:
    """The command, in a thread: the robot answers from this one's loop."""
    return await anyio.to_thread.run_sync(
        partial(command, "--config", daemon.config, "channels", "test", name)
    )


async def test_a_channel_that_takes_the_notice_is_good(tmp_path: Path) -> None:
    async with dingtalk_robot(system_clock, secret=SIGN, token=TOKEN) as robot:
        done = await asked(prepared(tmp_path, robot.url))
    assert (done.status, done.stderr) == (0, "")
    assert done.stdout == "ok: team took a test notice\n"
    assert "channel team works" in robot.text


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ({"secret": "SECanother-canary"}, "dead: the signature does not match: check `secret`"),
        ({"token": "another-canary"}, "dead: the token does not exist: copy the robot's address again"),
        ({"keyword": "build"}, "dead: the robot asks for a keyword"),
    ],
)
async def test_a_channel_that_rejects_is_reported_in_one_line_without_secrets(
    config: dict[str, Any], why: str, tmp_path: Path
) -> None:
    keywords = ("部署",) if "keyword" in config else ()
    async with dingtalk_robot(system_clock, secret=SIGN, token=TOKEN, keywords=keywords) as robot:
        url = robot.url.replace(TOKEN, config.get("token", TOKEN))
        done = await asked(prepared(tmp_path, url, config.get("secret", SIGN)))
    assert (done.status, done.stdout) == (1, "")
    assert done.complaint.startswith(why)
    assert "canary" not in done.stderr
    assert robot.messages == []


async def test_what_a_channel_says_is_reported_without_its_control_characters_and_our_secrets(
    tmp_path: Path,
) -> None:
    async with dingtalk_robot(system_clock, secret=SIGN, token=TOKEN) as robot:
        robot.scripted.append(errcode(999, f"\x1b[31mbad {TOKEN}\r\n\x07 and {SIGN}"))
        odd = await asked(prepared(tmp_path, robot.url))
        robot.scripted.append(answer(500, f"<html>\x1b]0;{TOKEN}\x07</html>".encode(), "text/html"))
        broken = await asked(prepared(tmp_path, robot.url))
    for done in (odd, broken):
        assert done.status == 1
        assert done.complaint.isprintable()
        assert "canary" not in done.complaint


def test_a_channel_that_no_one_answers_for_is_reported(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:1/robot/send?access_token={TOKEN}"
    done = command("--config", prepared(tmp_path, url).config, "channels", "test", "team")
    assert (done.status, done.stdout) == (1, "")
    assert done.complaint.startswith("retry: ")
    assert "canary" not in done.complaint


def test_a_channel_that_is_not_configured_is_reported(tmp_path: Path) -> None:
    daemon = prepared(tmp_path, "http://127.0.0.1:1/robot/send?access_token=x")
    done = command("--config", daemon.config, "channels", "test", "nobody")
    assert done.complaint == "there is no channel nobody: there are team, message"
    assert (done.status, done.stdout) == (1, "")


def test_a_pool_is_tested_by_its_channels(tmp_path: Path) -> None:
    daemon = prepared(tmp_path, "http://127.0.0.1:1/robot/send?access_token=x")
    text = daemon.config.read_text().replace("channels:", "pools: {group: [team, ops]}\nchannels:", 1)
    robot = "{kind: DING_TALK, url: 'http://127.0.0.1:1/robot/send?access_token=y', allow_private: true}"
    daemon.config.write_text(text.replace("\n  team:", f"\n  ops: {robot}\n  team:", 1))
    done = command("--config", daemon.config, "channels", "test", "group")
    assert done.complaint == "group is a pool: test each of its channels, team and ops"


async def test_a_channel_is_tested_before_the_daemon_has_made_its_store(tmp_path: Path) -> None:
    async with dingtalk_robot(system_clock, secret=SIGN, token=TOKEN) as robot:
        daemon = prepared(tmp_path, robot.url)
        unmake(daemon.database)
        done = await asked(daemon)
        message = await asked(daemon, "message")
    assert (done.status, done.stdout) == (0, "ok: team took a test notice\n")
    assert len(robot.messages) == 1
    assert message.complaint.endswith(" has no place yet: the daemon makes the store when it starts")
    assert not is_made(url_of(daemon.database))


def test_a_message_in_the_app_is_kept(tmp_path: Path) -> None:
    daemon = prepared(tmp_path, "http://127.0.0.1:1/robot/send?access_token=x")
    done = command("--config", daemon.config, "channels", "test", "message")
    assert (done.status, done.stderr) == (0, "")
    assert execute(daemon.database, "SELECT count(*) FROM message") == [(1,)]


async def test_a_good_test_ends_the_pause_that_the_vendor_asked_for(tmp_path: Path) -> None:
    async with dingtalk_robot(system_clock, secret=SIGN, token=TOKEN) as robot:
        daemon = prepared(tmp_path, robot.url)
        async with daemon_store(daemon) as store:
            for name in ("team", "other"):
                await store.health.pause(f"channel:{name}", system_clock() + 600, "130101")
        assert (await asked(daemon)).status == 0
    async with daemon_store(daemon) as store:
        paused = [one.name for one in await store.health.all() if one.paused_until > system_clock()]
    assert paused == ["channel:other"]


@pytest.mark.parametrize(("language", "mark"), [("en", "🔔 Test message"), ("zh-CN", "🔔 测试消息")])
async def test_a_test_is_marked_as_one_in_both_languages(tmp_path: Path, language: str, mark: str) -> None:
    async with dingtalk_robot(system_clock, secret=SIGN, token=TOKEN) as robot:
        daemon = prepared(tmp_path, robot.url)
        daemon.config.write_text(daemon.config.read_text().replace("language: en", f"language: {language}"))
        assert (await asked(daemon)).status == 0
    assert mark in robot.text
    assert ("通知渠道 team 可用" in robot.text) == (language == "zh-CN")


async def test_a_good_test_ends_the_outage_of_a_channel_and_sends_what_waits(tmp_path: Path) -> None:
    async with dingtalk_robot(system_clock, secret=SIGN, token=TOKEN) as robot:
        daemon = prepared(tmp_path, robot.url)
        robot.scripted.append(errcode(310000, "sign not match"))
        async with daemon_store(daemon) as store:
            await store.notices.add([waiting("team"), waiting("other")])
            for name in ("team", "other"):
                await store.health.degrade(f"channel:{name}", "the signature does not match", pause=900)
                row = await claim(store, name)
                assert row is not None
                later = system_clock() + 900
                await store.notices.end(row.notice.id, NoticeState.PENDING, "sign", next_at=later)
        assert (await asked(daemon)).status == 1
        async with daemon_store(daemon) as store:
            assert (await store.health.get("channel:team")).down_since is not None
        assert (await asked(daemon)).status == 0
        async with daemon_store(daemon) as store:
            assert (await store.health.get("channel:team")).down_since is None
            assert (await store.health.get("channel:other")).down_since is not None
            due_at, other_at = await next_due(store, "team"), await next_due(store, "other")
            rows = await newest_notices(store, 1, NoticeFilter(channel="message"))
    assert due_at is not None
    assert due_at <= system_clock()
    assert other_at is not None
    assert other_at > system_clock()
    assert [row.notice.event for row in rows] == [EventName.RESTORED], (
        "who was told of the outage is told of its end"
    )


def daemon_store(daemon: Daemon) -> AbstractAsyncContextManager[Store]:
    return open_store(url_of(daemon.database), exclusive=True, clock=system_clock)


def waiting(channel: str) -> Notice:
    facts = ServiceFacts(subject="x", detail="y")
    return Notice(
        id=f"for-{channel}", channel=channel, event=EventName.FAIL, facts=facts, created_at=system_clock()
    )
