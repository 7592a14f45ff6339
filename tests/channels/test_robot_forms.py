"""The other forms of messages of DingTalk and WeCom robots."""

import json
import re
from typing import Any

import pytest
from channels.wecom.robot import shown, wecom_robot
from hypothesis import given, settings
from hypothesis import strategies as st
from support.examples import examples
from support.fake_robots import FakeRobot, Turnable, dingtalk_robot
from support.hostile import NOTICES
from support.notices import context, notice
from support.robot_contract import OWN, POWER, text_of

from bridge.channels.adapters.dingtalk.channel import DingTalk
from bridge.channels.adapters.wecom.channel import WeCom
from bridge.channels.base import Channel, Ok
from bridge.model.notice import EventName, Notice

LOG = "https://ci.example.com/job/shop/128/"
DINGTALK_URL = f"https://oapi.dingtalk.com/robot/send?access_token={'0' * 64}"
WECOM_URL = "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=693a91f6"


def channel(kind: type[Any], robot: FakeRobot, clock: Turnable, **changes: Any) -> Channel:
    given = kind.Settings.model_validate({"url": robot.url, "allow_private": True, **changes})
    made: Channel = kind("ops", given, context(clock))
    return made


async def test_a_card_of_dingtalk_has_a_button_for_the_log_and_a_mention() -> None:
    clock = Turnable()
    async with dingtalk_robot(clock, secret=None) as robot:
        assert await channel(DingTalk, robot, clock, form="card").send(notice(log_tail="")) == Ok()
    (message,) = robot.messages
    card = message["actionCard"]
    assert card["btns"] == [{"title": "查看日志", "actionURL": LOG}]
    assert card["title"] == "[失败] acme/shop main #128"
    assert card["text"].startswith("### ❌ 构建失败 · acme/shop\n\n- 分支 main")
    assert card["text"].endswith("\n\nN-0000abcd\n\n@zhangsan")
    assert message["at"] == {"atMobiles": ["zhangsan"], "isAtAll": False}


async def test_what_leads_nowhere_is_no_card() -> None:
    clock = Turnable()
    async with dingtalk_robot(clock, secret=None) as robot, wecom_robot(clock) as other:
        sent = notice(EventName.SUCCESS, build_url=None)
        assert await channel(DingTalk, robot, clock, form="card").send(sent) == Ok()
        assert await channel(WeCom, other, clock, form="card").send(sent) == Ok()
    assert [robot.messages[0]["msgtype"], other.messages[0]["msgtype"]] == ["markdown", "markdown_v2"]


async def test_a_card_of_dingtalk_holds_the_keyword() -> None:
    clock = Turnable()
    async with dingtalk_robot(clock, secret=None, keywords=("ci-bot",)) as robot:
        sending = channel(DingTalk, robot, clock, form="card", keyword="ci-bot")
        assert await sending.send(notice()) == Ok()
    assert robot.messages[0]["actionCard"]["text"].count("ci-bot") == 1


async def test_a_card_of_wecom_says_what_became_of_the_build_and_opens_its_log() -> None:
    clock = Turnable()
    async with wecom_robot(clock) as robot:
        assert await channel(WeCom, robot, clock, form="card").send(notice(EventName.SUCCESS)) == Ok()
    card = robot.messages[0]["template_card"]
    assert card["main_title"] == {"title": "✅ 构建成功", "desc": "acme/shop"}
    assert card["sub_title_text"].startswith("分支 main · 1a2b3c4d · #128\n提交")
    assert card["card_action"] == {"type": 1, "url": LOG}
    assert card["jump_list"] == [{"type": 1, "title": "查看日志", "url": LOG}]


async def test_newer_markdown_of_wecom_has_lists_and_code() -> None:
    clock = Turnable()
    async with wecom_robot(clock) as robot:
        sent = notice(EventName.FAIL, cause="schedule")
        assert await channel(WeCom, robot, clock, form="markdown_v2").send(sent) == Ok()
    text = robot.messages[0]["markdown_v2"]["content"]
    assert text.startswith("### ❌ 构建失败 · acme/shop\n- 分支 main")
    assert "\n```\nstep 3/9\nerror: no such file\n```\n" in text


@pytest.mark.parametrize("form", ["markdown_v2", "card"])
async def test_a_form_that_can_mention_nobody_gives_way_to_one_that_can(form: str) -> None:
    clock = Turnable()
    async with wecom_robot(clock) as robot:
        assert await channel(WeCom, robot, clock, form=form).send(notice()) == Ok()
    assert robot.messages[0]["markdown"]["content"].endswith("<@zhangsan>")


@pytest.mark.parametrize("form", ["markdown_v2", "card"])
@settings(max_examples=examples(60), deadline=None)
@given(sent=NOTICES, language=st.sampled_from(["zh-CN", "en"]))
def test_whatever_the_form_a_notice_of_wecom_fits_and_strangers_have_no_power(
    form: str, sent: Notice, language: str
) -> None:
    given = WeCom.Settings.model_validate({"url": WECOM_URL, "form": form})
    message = json.loads(WeCom("ops", given, context(language=language, contacts={})).render(sent, 4_000))
    text = shown(message)
    assert len(text.encode()) <= 4096
    own = rf"{OWN}|(?m:^```$)"
    assert not re.search(POWER, re.sub(own, "", text))
    assert text.count("```") in {0, 2}


@settings(max_examples=examples(60), deadline=None)
@given(sent=NOTICES, language=st.sampled_from(["zh-CN", "en"]))
def test_a_card_of_dingtalk_fits_and_strangers_have_no_power(sent: Notice, language: str) -> None:
    given = DingTalk.Settings.model_validate({"url": DINGTALK_URL, "form": "card"})
    body = DingTalk("ops", given, context(language=language, contacts={})).render(sent, 18_000)
    assert len(body) <= 20_000
    assert not re.search(POWER, re.sub(OWN, "", text_of(json.loads(body))))
