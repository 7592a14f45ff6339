from dataclasses import replace
from typing import Any

import orjson
import pytest
from channels.wecom.robot import mentioned, wecom_robot
from support.fake_robots import FakeRobot, Turnable, errcode
from support.notices import AUTHOR, SERVICE, context, notice

from bridge.channels.adapters.wecom.channel import WeCom, WeComSettings
from bridge.channels.base import Dead, Ok, RateLimited
from bridge.model.event import Person
from bridge.model.notice import BuildFacts, DigestFacts, EventName, Member


def channel(robot: FakeRobot, clock: Turnable, **lent: Any) -> WeCom:
    settings = WeComSettings.model_validate({"url": robot.url, "allow_private": True})
    return WeCom("ops", settings, context(clock, **lent))


async def test_a_robot_that_checks_everything_takes_a_notice() -> None:
    clock = Turnable()
    async with wecom_robot(clock) as robot:
        assert await channel(robot, clock).send(notice()) == Ok()
    assert robot.text == (
        '### ❌ <font color="warning">构建失败</font> · acme/shop\n'
        "> 分支 main · [1a2b3c4d](https://git.example.com/acme/shop/commit/1a2b3c4d)"
        " · [#128](https://ci.example.com/job/shop/128/)\n"
        "> 提交 修复登录超时\n"
        "> 构建器 jenkins · 耗时 3 分 12 秒 · 推送触发（张三）\n"  # noqa: RUF001  # Chinese punctuation
        "> 原因：docker build\n"  # noqa: RUF001  # Chinese punctuation
        "> 日志末尾：\n"  # noqa: RUF001  # Chinese punctuation
        '> <font color="comment">step 3/9</font>\n'
        '> <font color="comment">error: no such file</font>\n'
        "[查看日志](https://ci.example.com/job/shop/128/) · N-0000abcd\n"
        "<@zhangsan>"
    )


async def test_a_fixed_build_is_reported_in_english() -> None:
    clock = Turnable()
    async with wecom_robot(clock) as robot:
        await channel(robot, clock, language="en").send(
            notice(EventName.FIXED, streak=3, streak_since=125, streak_seconds=7_800, log_tail="")
        )
    assert robot.text == (
        '### 🟢 <font color="info">Build fixed</font> · acme/shop\n'
        "> Branch main · [1a2b3c4d](https://git.example.com/acme/shop/commit/1a2b3c4d)"
        " · [#128](https://ci.example.com/job/shop/128/)\n"
        "> Commit 修复登录超时\n"
        "> Image registry.example.com/acme/shop:1.4.2, registry.example.com/acme/shop:latest\n"
        "> builder jenkins · took 3m12s · by push (张三)\n"
        "> Reason: docker build\n"
        "> Broken since #125: 3 failures in a row, over 2h10m\n"
        "[View log](https://ci.example.com/job/shop/128/) · N-0000abcd\n"
        "<@zhangsan>"
    )


async def test_the_twenty_first_message_of_a_minute_pauses_the_channel_for_one() -> None:
    clock = Turnable()
    async with wecom_robot(clock) as robot:
        ops = channel(robot, clock)
        for _ in range(20):
            assert await ops.send(notice()) == Ok()
        assert await ops.send(notice()) == RateLimited("WeCom answered 45009: api freq out of limit", 60)


async def test_a_notice_that_is_still_too_long_is_sent_once_more_and_shorter() -> None:
    clock = Turnable()
    async with wecom_robot(clock) as robot:
        robot.scripted.append(errcode(40058, "markdown.content exceed max length 4096"))
        sent = notice(subject="修" * 500, log_tail="日志" * 40 + "\n" + "行\n" * 300 + "末" * 900)
        assert await channel(robot, clock).send(sent) == Ok()
    assert len(robot.requests) == 2
    assert len(robot.text.encode()) <= 2000
    assert "（已截断，详见日志）" in robot.text  # noqa: RUF001  # Chinese punctuation
    assert "末" * 200 not in robot.text


async def test_a_notice_that_cannot_be_shorter_is_given_up() -> None:
    clock = Turnable()
    async with wecom_robot(clock) as robot:
        robot.scripted.append(errcode(40058, "markdown.content exceed max length 4096"))
        outcome = await channel(robot, clock).send(notice(EventName.DEGRADED, SERVICE))
    assert len(robot.requests) == 1
    assert outcome == Dead("content", "WeCom answered 40058: markdown.content exceed max length 4096")


async def test_our_address_in_the_answer_is_left_out() -> None:
    clock = Turnable()
    async with wecom_robot(clock) as robot:
        robot.url = robot.url.replace("693a91f6", "ffffffff")
        outcome = await channel(robot, clock).send(notice())
    assert isinstance(outcome, Dead)
    assert outcome.reason == "config"
    assert "192.0.2.7" not in outcome.why


MOBILE = "tel:13800000000"


async def test_who_has_only_a_mobile_number_is_mentioned_by_a_text() -> None:
    clock = Turnable()
    async with wecom_robot(clock) as robot:
        ops = channel(robot, clock, contacts={AUTHOR: MOBILE, "bob@example.com": "bob"})
        assert await ops.send(notice(co_authors=(Person("Bob", "bob@example.com"),), log_tail="")) == Ok()
        assert await ops.send(notice(EventName.SUCCESS)) == Ok()
    failure, success = robot.messages
    assert mentioned(failure) == {"13800000000", "bob"}
    assert failure["text"]["content"] == (
        "❌ 构建失败 · acme/shop\n"
        "分支 main · 1a2b3c4d · #128\n"
        "提交 修复登录超时\n"
        "构建器 jenkins · 耗时 3 分 12 秒 · 推送触发（张三）\n"  # noqa: RUF001  # Chinese punctuation
        "原因：docker build\n"  # noqa: RUF001  # Chinese punctuation
        "查看日志 https://ci.example.com/job/shop/128/ · N-0000abcd"
    )
    assert success["msgtype"] == "markdown"
    assert mentioned(success) == set()


async def test_the_largest_digest_is_a_text_where_someone_is_mentioned_by_mobile_number() -> None:
    clock, facts = Turnable(), notice(subject="𠮷修" * 40, log_tail="").facts
    assert isinstance(facts, BuildFacts)
    bob = Person("Bob", "bob@example.com")
    members = tuple(
        Member(
            notice_id=f"N-{number}",
            event=EventName.FAIL,
            facts=replace(
                facts,
                number=number,
                build_id=str(number),
                repo_name="𠮷" * 20,
                ref_name="修" * 40,
                author=bob if number > 9000 else facts.author,
            ),
        )
        for number in range(9000, 9000 + WeCom.digest_size)
    )
    sent = replace(notice(), facts=DigestFacts(kind="backlog", members=members))
    async with wecom_robot(clock) as robot:
        ops = channel(robot, clock, contacts={AUTHOR: "zhangsan", "bob@example.com": MOBILE})
        assert await ops.send(sent) == Ok()
    (message,) = robot.messages
    assert mentioned(message) == {"13800000000", "zhangsan"}
    assert all(f"#{number}" in message["text"]["content"] for number in range(9000, 9000 + WeCom.digest_size))


async def test_a_long_notice_with_a_mobile_number_is_within_the_limit_of_texts() -> None:
    clock = Turnable()
    async with wecom_robot(clock) as robot:
        sent = notice(subject="修" * 500, log_tail="行\n" * 300 + "末" * 900)
        assert await channel(robot, clock, contacts={AUTHOR: MOBILE}).send(sent) == Ok()
    assert len(robot.requests) == 1
    assert mentioned(robot.messages[0]) == {"13800000000"}


@pytest.mark.parametrize("event", list(EventName))
async def test_every_event_has_its_words(event: EventName) -> None:
    clock = Turnable()
    async with wecom_robot(clock) as robot:
        ops = channel(robot, clock)
        assert await ops.send(notice(event)) == Ok()
        assert await ops.send(notice(event, SERVICE)) == Ok()
    assert all("###" in orjson.dumps(message).decode() for message in robot.messages)
