"""The part of WeCom applications of the contract suite."""

from typing import Any, Final

from channels.wecom_app.api import AGENTID, CORPID, MAX_BYTES, SECRET, SEND, TOKEN, wecom_api
from support.channel_contract import Answer, Markup
from support.fake_robots import FakeRobot, errcode
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

from bridge.channels.adapters.wecom_app.channel import WeComApp
from bridge.channels.base import Ok, RateLimited, Retry
from bridge.runtime.rate import Rate

APP: Final[dict[str, Any]] = {"corpid": CORPID, "secret": SECRET, "agentid": AGENTID, "touser": ["alice"]}


def settings(api: FakeRobot) -> dict[str, Any]:
    return {**APP, "api": api.url.partition("/cgi-bin")[0], "allow_private": True}


def size(_body: bytes, text: str) -> int:
    return len(text.encode())


CONTRACT: Final = RobotContract(
    serve=lambda _folder, clock: wecom_api(clock),
    settings=settings,
    taken=taken,
    answers={
        **HTTP_ANSWERS,
        Answer.UNREACHABLE: lambda _api: {"api": "http://127.0.0.1:1"},
        Answer.CREDENTIALS: lambda _api: {"secret": f"{SECRET}0"},
        Answer.CONTENT: scripted(lambda: errcode(40035)),
    },
    asked=lambda api: bool(api.requests) and not api.scripted,
    secrets=(SECRET, TOKEN),
    timeouts=TIMEOUTS,
    markup=Markup(write=write(WeComApp, APP, size), limit=MAX_BYTES, own=OWN, power=POWER),
    adapter=WeComApp,
    path=SEND,
    limit=MAX_BYTES,
    size=size,
    allows=(Rate(30, 60), Rate(1000, 3600)),
    reads={"breaks": Retry},
    busy=(-1,),
    codes={
        0: Ok,
        -1: Retry,
        45009: RateLimited,
        40014: Retry,
        41001: Retry,
        42001: Retry,
        40001: "config",
        40013: "config",
        40056: "config",
        40091: "config",
        41002: "config",
        41004: "config",
        41011: "config",
        48002: "config",
        60020: "config",
        81013: "config",
        82001: "config",
        301002: "config",
        40008: "content",
        40033: "content",
        40035: "content",
        40058: "content",
        44004: "content",
        999999: Retry,
    },
)
