import json
import re
from typing import Any

import pytest
from channels.feishu.robot import MAX_BODY, feishu_robot, shown
from hypothesis import given, settings
from hypothesis import strategies as st
from support.examples import examples
from support.fake_robots import FakeRobot, Turnable, answer
from support.hostile import NOTICES
from support.notices import SERVICE, context, notice
from support.robot_contract import OWN, POWER

from bridge.channels.adapters.feishu.channel import Feishu, signature
from bridge.channels.base import Dead, Ok, RateLimited
from bridge.model.notice import EventName, Notice

SECRET = "this is secret"
FORMS = ("card", "post", "text")


def channel(robot: FakeRobot, clock: Turnable, **changes: Any) -> Feishu:
    return Feishu(
        "ops",
        Feishu.Settings.model_validate({"url": robot.url, "allow_private": True, **changes}),
        context(clock),
    )


def test_a_signature_is_that_of_the_vendor() -> None:
    """As `openssl dgst -sha256 -hmac` says it: the time and the secret are the key, the message is empty."""
    assert signature("demo", 1599360473) == "l1N0gAcBjdwBvGm1xMjOF0XSyaLRpR7tuO5dHfhAYc8="


async def test_a_card_has_a_coloured_header_lines_a_button_and_a_mention() -> None:
    clock = Turnable()
    async with feishu_robot(clock) as robot:
        assert await channel(robot, clock).send(notice()) == Ok()
    (message,) = robot.messages
    assert message["card"] == {
        "config": {"wide_screen_mode": True},
        "header": {
            "template": "red",
            "title": {"tag": "plain_text", "content": "❌ 构建失败 · acme/shop"},
        },
        "elements": [
            {
                "tag": "markdown",
                "content": "分支 main · [1a2b3c4d](https://git.example.com/acme/shop/commit/1a2b3c4d)"
                " · [#128](https://ci.example.com/job/shop/128/)\n"
                "提交 修复登录超时\n"
                "构建器 jenkins · 耗时 3 分 12 秒 · 推送触发（张三）\n"  # noqa: RUF001  # Chinese punctuation
                "原因：docker build\n"  # noqa: RUF001  # Chinese punctuation
                "日志末尾：",  # noqa: RUF001  # Chinese punctuation
            },
            {"tag": "div", "text": {"tag": "plain_text", "content": "step 3/9\nerror: no such file"}},
            {
                "tag": "action",
                "actions": [
                    {
                        "tag": "button",
                        "text": {"tag": "plain_text", "content": "查看日志"},
                        "type": "primary",
                        "url": "https://ci.example.com/job/shop/128/",
                    }
                ],
            },
            {"tag": "note", "elements": [{"tag": "plain_text", "content": "N-0000abcd"}]},
            {"tag": "markdown", "content": "<at id=zhangsan></at>"},
        ],
    }


@pytest.mark.parametrize(
    ("event", "colour"), [(EventName.FAIL, "red"), (EventName.FIXED, "green"), (EventName.STOP, "grey")]
)
async def test_the_header_shows_how_it_went(event: EventName, colour: str) -> None:
    clock = Turnable()
    async with feishu_robot(clock) as robot:
        await channel(robot, clock).send(notice(event))
    assert robot.messages[0]["card"]["header"]["template"] == colour


async def test_rich_text_has_links_and_a_mention() -> None:
    clock = Turnable()
    async with feishu_robot(clock) as robot:
        assert await channel(robot, clock, form="post").send(notice(log_tail="")) == Ok()
    assert shown(robot.messages[0]) == (
        "❌ 构建失败 · acme/shop\n"
        "分支 main · [1a2b3c4d](https://git.example.com/acme/shop/commit/1a2b3c4d)"
        " · [#128](https://ci.example.com/job/shop/128/)\n"
        "提交 修复登录超时\n"
        "构建器 jenkins · 耗时 3 分 12 秒 · 推送触发（张三）\n"  # noqa: RUF001  # Chinese punctuation
        "原因：docker build\n"  # noqa: RUF001  # Chinese punctuation
        "[查看日志](https://ci.example.com/job/shop/128/) · N-0000abcd\n"
        '<at user_id="zhangsan"></at>'
    )


async def test_plain_text_has_the_address_of_the_log() -> None:
    clock = Turnable()
    async with feishu_robot(clock) as robot:
        assert await channel(robot, clock, form="text").send(notice(log_tail="")) == Ok()
    assert shown(robot.messages[0]) == (
        "❌ 构建失败 · acme/shop\n"
        "分支 main · 1a2b3c4d · #128\n"
        "提交 修复登录超时\n"
        "构建器 jenkins · 耗时 3 分 12 秒 · 推送触发（张三）\n"  # noqa: RUF001  # Chinese punctuation
        "原因：docker build\n"  # noqa: RUF001  # Chinese punctuation
        "查看日志 https://ci.example.com/job/shop/128/ · N-0000abcd\n"
        '<at user_id="zhangsan"></at>'
    )


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=examples(60), deadline=None)
@given(sent=NOTICES, language=st.sampled_from(["zh-CN", "en"]))
def test_whatever_the_form_a_notice_fits_and_strangers_have_no_power(
    form: str, sent: Notice, language: str
) -> None:
    given = Feishu.Settings.model_validate(
        {"url": "https://open.feishu.cn/open-apis/bot/v2/hook/x", "form": form, "keyword": "构建"}
    )
    body = Feishu("ops", given, context(language=language, contacts={})).render(sent, 18_000)
    text = shown(json.loads(body))
    own = rf"{OWN}|(?m: ?https?://\S+ · N-)" if form == "text" else OWN
    assert len(body) < MAX_BODY
    assert "构建" in text
    assert not re.search(POWER, re.sub(own, "", text))


@pytest.mark.parametrize("form", FORMS)
async def test_a_keyword_is_added_where_it_is_missing(form: str) -> None:
    clock = Turnable()
    async with feishu_robot(clock, keyword="ci_@bot") as robot:
        assert await channel(robot, clock, form=form, keyword="ci_@bot").send(notice()) == Ok()
    assert shown(robot.messages[0]).count("ci_@bot") == 1


async def test_a_keyword_that_is_there_is_not_repeated() -> None:
    clock = Turnable()
    async with feishu_robot(clock, keyword="登录") as robot:
        assert await channel(robot, clock, keyword="登录").send(notice()) == Ok()
    assert shown(robot.messages[0]).count("登录") == 1


async def test_a_notice_is_signed_anew_at_each_attempt() -> None:
    clock = Turnable()
    async with feishu_robot(clock, secret=SECRET) as robot:
        ops = channel(robot, clock, secret=SECRET)
        await ops.send(notice())
        clock.now += 2 * 3600
        await ops.send(notice())
    first, second = robot.messages
    assert (first["timestamp"], second["timestamp"]) == ("1700000000", "1700007200")
    assert first["sign"] != second["sign"]


async def test_a_robot_that_wants_fewer_gets_a_pause_of_a_minute() -> None:
    clock = Turnable()
    async with feishu_robot(clock) as robot:
        ops = channel(robot, clock)
        for _ in range(5):
            assert await ops.send(notice()) == Ok()
        outcome = await ops.send(notice())
    assert isinstance(outcome, RateLimited)
    assert outcome.after == 60


async def test_a_signature_that_is_missing_and_one_that_is_wrong_have_different_cures() -> None:
    clock = Turnable()
    async with feishu_robot(clock, secret=SECRET) as robot:
        missing = await channel(robot, clock).send(notice())
        wrong = await channel(robot, clock, secret="another").send(notice())
    assert isinstance(missing, Dead)
    assert isinstance(wrong, Dead)
    assert "set `secret`" in missing.why
    assert "check `secret`" in wrong.why


async def test_a_body_that_is_too_long_for_the_robot_is_shortened_once() -> None:
    clock = Turnable()
    async with feishu_robot(clock) as robot:
        robot.scripted.append(answer(200, b'{"code":19036,"msg":"too long"}'))
        assert await channel(robot, clock).send(notice(log_tail="行\n" * 300)) == Ok()
    assert len(robot.requests) == 2
    assert "（已截断，详见日志）" in shown(robot.messages[0])  # noqa: RUF001  # Chinese punctuation


@pytest.mark.parametrize("form", FORMS)
async def test_what_happens_to_the_bridge_itself_is_told_in_every_form(form: str) -> None:
    clock = Turnable()
    async with feishu_robot(clock) as robot:
        assert await channel(robot, clock, form=form).send(notice(EventName.DEGRADED, SERVICE)) == Ok()
    assert "no answer for five minutes" in shown(robot.messages[0])
