"""Feishu's part of the contract suite."""

from typing import Any, Final

from channels.feishu.robot import MAX_BODY, TOKEN, feishu_robot, shown
from support.channel_contract import Answer, Markup
from support.fake_robots import FakeRobot, answer
from support.notices import AUTHOR
from support.robot_contract import (
    HTTP_ANSWERS,
    OWN,
    POWER,
    TIMEOUTS,
    RobotContract,
    scripted,
    write,
)

from bridge.channels.adapters.feishu.channel import Feishu
from bridge.channels.base import Ok, RateLimited, Retry
from bridge.runtime.rate import Rate

SECRET: Final = "this is secret"
PATH: Final = f"/open-apis/bot/v2/hook/{TOKEN}"


def _settings(robot: FakeRobot) -> dict[str, Any]:
    return {"url": robot.url, "secret": SECRET, "allow_private": True}


def size(body: bytes, _text: str) -> int:
    return len(body)


CONTRACT: Final = RobotContract(
    serve=lambda _folder, clock: feishu_robot(clock, secret=SECRET),
    settings=_settings,
    taken=lambda robot: [shown(message) for message in robot.messages],
    answers={
        **HTTP_ANSWERS,
        Answer.CREDENTIALS: lambda _robot: {"secret": "another"},
        Answer.CONTENT: scripted(lambda: answer(400, b'{"code":9499,"msg":"Bad Request","data":{}}')),
    },
    asked=lambda robot: not robot.scripted,
    secrets=(TOKEN, SECRET),
    timeouts=TIMEOUTS,
    gives=lambda _peer: {"contacts": {AUTHOR: "ou_7d8a6e6df7621556"}},
    markup=Markup(
        write=write(Feishu, {"url": f"https://open.feishu.cn{PATH}", "secret": SECRET}, size, shown),
        limit=MAX_BODY,
        own=OWN,
        power=POWER,
        mention="\n<at id=zhangsan></at>",
    ),
    adapter=Feishu,
    path=PATH,
    limit=MAX_BODY,
    size=size,
    text_of=shown,
    allows=(Rate(5, 1), Rate(100, 60)),
    busy=(),
    codes={
        0: Ok,
        11232: RateLimited,
        19001: "config",
        19021: "config",
        19022: "config",
        19024: "config",
        9499: "content",
        19002: "content",
        19036: "content",
        999999: Retry,
    },
)
