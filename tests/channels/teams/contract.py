"""The part of Teams in the contract suite."""

from typing import Any, Final

from channels.teams.workflow import (
    KEY,
    MAX_CARD,
    MAX_CARDS,
    MAX_SECONDS,
    PATH,
    QUERY,
    shown,
    teams_workflow,
)
from support.channel_contract import Answer, Markup
from support.fake_robots import FakeRobot, answer
from support.notices import AUTHOR
from support.robot_contract import HTTP_ANSWERS, OWN, POWER, TIMEOUTS, HookContract, scripted, write

from bridge.channels.adapters.teams.channel import Teams
from bridge.runtime.rate import Rate

URL: Final = f"{PATH}?{QUERY}"


def _settings(workflow: FakeRobot) -> dict[str, Any]:
    return {"url": workflow.url, "allow_private": True}


def size(body: bytes, _text: str) -> int:
    return len(body)


CONTRACT: Final = HookContract(
    serve=lambda _folder, clock: teams_workflow(clock),
    settings=_settings,
    taken=lambda workflow: list(map(shown, workflow.messages)),
    answers={
        **HTTP_ANSWERS,
        Answer.CREDENTIALS: lambda workflow: {"url": f"{workflow.url}0"},
        Answer.CONTENT: scripted(
            lambda: answer(400, b'{"error":{"code":"TriggerInputSchemaMismatch","message":"no"}}')
        ),
    },
    asked=lambda workflow: not workflow.scripted,
    secrets=(KEY,),
    timeouts=TIMEOUTS,
    gives=lambda _peer: {"contacts": {AUTHOR: "zhangsan@example.com"}},
    markup=Markup(
        write=write(Teams, {"url": f"https://prod-00.westeurope.logic.azure.com{URL}"}, size, shown),
        limit=MAX_CARD,
        own=OWN,
        power=POWER,
        mention="\n<at>zhangsan</at>",
    ),
    adapter=Teams,
    path=URL,
    limit=MAX_CARD,
    size=size,
    text_of=shown,
    allows=(Rate(MAX_CARDS, MAX_SECONDS),),
)
