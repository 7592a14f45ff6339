"""WeCom's part of the contract suite."""

from typing import Any, Final

from channels.wecom.robot import WECOM_KEY, wecom_robot
from support.channel_contract import Answer, Markup
from support.fake_robots import FakeRobot, errcode
from support.notices import AUTHOR
from support.robot_contract import (
    HTTP_ANSWERS,
    OWN,
    POWER,
    TIMEOUTS,
    RobotContract,
    scripted,
    taken,
    write,
)

from bridge.channels.adapters.wecom.channel import WeCom
from bridge.channels.base import Ok, RateLimited, Retry
from bridge.runtime.rate import Rate

WRONG_KEY: Final = "f" * 36
PATH: Final = f"/cgi-bin/webhook/send?key={WECOM_KEY}"

LIMIT: Final = 4_096


def _settings(robot: FakeRobot) -> dict[str, Any]:
    return {"url": robot.url, "allow_private": True}


def size(_body: bytes, text: str) -> int:
    return len(text.encode())


CONTRACT: Final = RobotContract(
    serve=lambda _folder, clock: wecom_robot(clock),
    settings=_settings,
    taken=taken,
    answers={
        **HTTP_ANSWERS,
        Answer.CREDENTIALS: lambda robot: {"url": robot.url.replace(WECOM_KEY, WRONG_KEY)},
        Answer.CONTENT: scripted(lambda: errcode(40035)),
    },
    asked=lambda robot: not robot.scripted,
    secrets=(WECOM_KEY, WRONG_KEY),
    timeouts=TIMEOUTS,
    gives=lambda _peer: {"contacts": {AUTHOR: "zhangsan"}},
    markup=Markup(
        write=write(WeCom, {"url": f"https://qyapi.weixin.qq.com{PATH}"}, size),
        limit=LIMIT,
        own=OWN,
        power=POWER,
        mention="\n<@zhangsan>",
    ),
    adapter=WeCom,
    path=PATH,
    limit=LIMIT,
    size=size,
    allows=(Rate(20, 60),),
    busy=(-1, 45033),
    codes={
        0: Ok,
        -1: Retry,
        45009: RateLimited,
        45033: RateLimited,
        93000: "config",
        40058: "content",
        40008: "content",
        40033: "content",
        40035: "content",
        44004: "content",
        999999: Retry,
    },
)
