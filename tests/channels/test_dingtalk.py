from contextlib import AsyncExitStack
from typing import Any

import pytest
from support.fake_robots import FakeRobot, Turnable, dingtalk_robot, errcode
from support.notices import AUTHOR, SERVICE, context, notice

from bridge.channels.adapters.dingtalk.channel import DingTalk, DingTalkSettings, signature
from bridge.channels.base import Dead, Ok, RateLimited
from bridge.model.notice import EventName

SECRET = "this is secret"


def channel(robot: FakeRobot, clock: Turnable, **settings: Any) -> DingTalk:
    chosen = {"url": robot.url, "secret": SECRET, "allow_private": True} | settings
    return DingTalk(
        "team", DingTalkSettings.model_validate(chosen), context(clock, contacts={AUTHOR: "13800000000"})
    )


def test_the_signature_is_the_published_one() -> None:
    assert signature(SECRET, 1_700_000_000_000) == "sSFWELbV2YwjdDQhWZwTcWlX5BWUx5J6TPpsZmuPii0="


async def test_a_robot_that_checks_everything_takes_a_notice() -> None:
    clock = Turnable()
    async with dingtalk_robot(clock, keywords=("构建桥",)) as robot:
        assert await channel(robot, clock, keyword="构建桥").send(notice()) == Ok()
    (message,) = robot.messages
    assert message["markdown"]["title"] == "[失败] acme/shop main #128 构建桥"
    assert message["at"] == {"atMobiles": ["13800000000"], "isAtAll": False}
    assert robot.text == (
        "### ❌ 构建失败 · acme/shop\n\n"
        "- 分支 main · [1a2b3c4d](https://git.example.com/acme/shop/commit/1a2b3c4d)"
        " · [#128](https://ci.example.com/job/shop/128/)\n"
        "- 提交 修复登录超时\n"
        "- 构建器 jenkins · 耗时 3 分 12 秒 · 推送触发（张三）\n"  # noqa: RUF001  # Chinese punctuation
        "- 原因：docker build\n"  # noqa: RUF001  # Chinese punctuation
        "- 日志末尾：\n\n"  # noqa: RUF001  # Chinese punctuation
        "> step 3/9  \n> error: no such file\n\n"
        "[查看日志](https://ci.example.com/job/shop/128/) · N-0000abcd\n\n"
        "构建桥\n\n"
        "@13800000000"
    )


async def test_a_notice_that_waited_for_two_hours_is_signed_anew_and_says_so() -> None:
    clock = Turnable()
    async with dingtalk_robot(clock) as robot:
        team = channel(robot, clock)
        clock.now += 2 * 3600
        assert await team.send(notice()) == Ok()
    assert "延迟 2 小时送达" in robot.text


@pytest.mark.parametrize(
    ("settings", "cure"),
    [({"secret": "another"}, "check `secret`"), ({"secret": None}, "set `secret` to the text")],
)
async def test_a_wrong_signature_puts_the_channel_out_of_order(settings: dict[str, Any], cure: str) -> None:
    clock = Turnable()
    async with dingtalk_robot(clock) as robot:
        outcome = await channel(robot, clock, **settings).send(notice())
    assert isinstance(outcome, Dead)
    assert outcome.reason == "config"
    assert cure in outcome.why


async def test_a_wrong_clock_is_named() -> None:
    clock = Turnable()
    async with dingtalk_robot(clock) as robot:
        outcome = await channel(robot, Turnable(clock.now - 3700)).send(notice())
    assert outcome == Dead(
        "config",
        "the robot does not accept our time: set this machine's clock"
        " (DingTalk answered 310000: invalid timestamp)",
    )


CHINESE = {
    "check `secret`": "description:机器人发送签名不匹配;solution:请确认签名和生成签名的时间戳都放在网址中",
    "set `keyword`": "description:关键词不匹配;solution:请联系群管理员查看此机器人的关键词",
    "to one of its keywords": "错误描述:关键词不匹配;解决方案:请在发送的信息中包含此关键词;",
    "set this machine's clock": "description:机器人发送签名过期;solution:请保持在 timestampms 以内",
    "add it to the robot's IP ranges": "description:来源IP不在IP白名单内;solution:请联系群管理员",
}


@pytest.mark.parametrize("cure", CHINESE)
async def test_what_the_vendor_says_in_chinese_has_the_same_cure(cure: str) -> None:
    clock = Turnable()
    async with dingtalk_robot(clock) as robot:
        robot.scripted.append(errcode(310000, CHINESE[cure]))
        outcome = await channel(robot, clock).send(notice())
    assert isinstance(outcome, Dead)
    assert outcome.reason == "config"
    assert cure in outcome.why


async def test_a_missing_keyword_is_named() -> None:
    clock = Turnable()
    async with dingtalk_robot(clock, keywords=("deploy",)) as robot:
        outcome = await channel(robot, clock).send(notice())
    assert isinstance(outcome, Dead)
    assert "set `keyword`" in outcome.why


async def test_the_twenty_first_message_of_a_minute_pauses_the_channel_for_ten() -> None:
    clock = Turnable()
    async with dingtalk_robot(clock) as robot:
        team = channel(robot, clock)
        for _ in range(20):
            assert await team.send(notice()) == Ok()
        outcome = await team.send(notice())
        clock.now += 601
        assert await team.send(notice()) == Ok()
    assert isinstance(outcome, RateLimited)
    assert outcome.after == 600


@pytest.mark.parametrize(
    ("event", "changes"),
    [
        (EventName.SUCCESS, {}),
        (EventName.FAIL, {"cause": "schedule"}),
        (EventName.FAIL, {"cause": "manual by bob"}),
    ],
)
async def test_no_one_is_mentioned_for_a_build_of_someone_else(
    event: EventName, changes: dict[str, Any]
) -> None:
    clock = Turnable()
    async with dingtalk_robot(clock) as robot:
        await channel(robot, clock).send(notice(event, **changes))
    assert "at" not in robot.messages[0]
    assert "@1" not in robot.text


async def test_a_notice_about_the_bridge_itself_is_sent() -> None:
    clock = Turnable()
    async with AsyncExitStack() as stack:
        robot = await stack.enter_async_context(dingtalk_robot(clock))
        await channel(robot, clock).send(notice(EventName.DEGRADED, SERVICE))
    assert robot.text == "### ⚠️ 服务异常 · jenkins\n\n- no answer for five minutes\n\nN-0000abcd"
