"""Slack's part of the contract suite."""

from typing import Any, Final

from channels.slack.workspace import MAX_ALL, TOKEN, shown, slack_workspace
from support.channel_contract import Answer, Markup
from support.fake_robots import FakeRobot, answer
from support.notices import AUTHOR
from support.robot_contract import HTTP_ANSWERS, TIMEOUTS, HookContract, scripted, write

from bridge.channels.adapters.slack.channel import Slack
from bridge.runtime.rate import Rate

PATH: Final = f"/services/{TOKEN}"


def _settings(hook: FakeRobot) -> dict[str, Any]:
    return {"url": hook.url, "allow_private": True}


def size(_body: bytes, text: str) -> int:
    return len(text)


CONTRACT: Final = HookContract(
    serve=lambda _folder, clock: slack_workspace(clock),
    settings=_settings,
    taken=lambda hook: list(map(shown, hook.messages)),
    answers={
        **HTTP_ANSWERS,
        Answer.CREDENTIALS: lambda hook: {"url": f"{hook.url}0"},
        Answer.CONTENT: scripted(lambda: answer(400, b"invalid_blocks", "text/plain")),
    },
    asked=lambda hook: not hook.scripted,
    secrets=(TOKEN,),
    timeouts=TIMEOUTS,
    gives=lambda _peer: {"contacts": {AUTHOR: "U012AB3CD"}},
    markup=Markup(
        write=write(Slack, {"url": f"https://hooks.slack.com{PATH}"}, size, shown),
        limit=MAX_ALL,
        own=r"<https?://[^\s<>|]+\|[^<>|]*>|(?m:^> )|&amp;",
        power=r"[@<>|]|://|&(?=#?\w{1,32};)",
        mention="\n<@zhangsan>",
    ),
    adapter=Slack,
    path=PATH,
    limit=MAX_ALL,
    size=size,
    text_of=shown,
    allows=(Rate(10, 10),),
)
