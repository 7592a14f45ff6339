"""DingTalk's part of the contract suite; its robot is the one of the demonstration."""

from typing import Any, Final

from support.channel_contract import Answer, Markup
from support.fake_robots import FakeRobot, dingtalk_robot, errcode
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

from bridge.channels.adapters.dingtalk.channel import DingTalk
from bridge.channels.base import Ok, RateLimited, Retry
from bridge.runtime.rate import Rate

TOKEN: Final = "0123456789abcdef" * 4
SECRET: Final = "this is secret"
PATH: Final = f"/robot/send?access_token={TOKEN}"

LIMIT: Final = 20_000


def _settings(robot: FakeRobot) -> dict[str, Any]:
    return {"url": robot.url, "secret": SECRET, "allow_private": True}


def size(body: bytes, _text: str) -> int:
    return len(body)


CONTRACT: Final = RobotContract(
    serve=lambda _folder, clock: dingtalk_robot(clock, secret=SECRET, token=TOKEN),
    settings=_settings,
    taken=taken,
    answers={
        **HTTP_ANSWERS,
        Answer.CREDENTIALS: lambda _robot: {"secret": "another"},
        Answer.CONTENT: scripted(lambda: errcode(430101)),
    },
    asked=lambda robot: not robot.scripted,
    secrets=(TOKEN, SECRET, "this%20is", "this+is"),
    timeouts=TIMEOUTS,
    gives=lambda _peer: {"contacts": {AUTHOR: "13800000000"}},
    markup=Markup(
        write=write(
            DingTalk,
            {"url": f"https://oapi.dingtalk.com{PATH}", "secret": SECRET},
            size,
        ),
        limit=LIMIT,
        own=OWN,
        power=POWER,
        mention="\n@zhangsan",
    ),
    adapter=DingTalk,
    path=PATH,
    limit=LIMIT,
    size=size,
    allows=(Rate(20, 60),),
    busy=(-1,),
    codes={
        0: Ok,
        -1: Retry,
        130101: RateLimited,
        410100: RateLimited,
        310000: "config",
        300005: "config",
        300001: "config",
        400101: "config",
        400013: "config",
        400102: "config",
        400106: "config",
        400105: "content",
        40035: "content",
        43002: "content",
        43004: "content",
        430101: "content",
        430102: "content",
        430103: "content",
        430104: "content",
        460101: "content",
        101002: "content",
        999999: Retry,
    },
)
