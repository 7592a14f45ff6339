"""The part of ntfy in the contract suite."""

from typing import Any, Final

from channels.ntfy.server import BURST, MAX_MESSAGE, REPLENISH, TOKEN, TOPIC, ntfy_server, shown
from support.channel_contract import Answer, Markup
from support.fake_robots import FakeRobot, answer
from support.robot_contract import HTTP_ANSWERS, OWN, POWER, TIMEOUTS, HookContract, scripted, write

from bridge.channels.adapters.ntfy.channel import Ntfy
from bridge.runtime.rate import Rate

OTHER: Final = "tk_00000000000000000000000000000"
PATH: Final = f"/{TOPIC}"
_HOUR: Final = 3600


def _settings(server: FakeRobot) -> dict[str, Any]:
    return {"url": server.url, "token": TOKEN, "allow_private": True}


def size(body: bytes, _text: str) -> int:
    return len(body)


CONTRACT: Final = HookContract(
    serve=lambda _folder, clock: ntfy_server(clock),
    settings=_settings,
    taken=lambda server: list(map(shown, server.messages)),
    answers={
        **HTTP_ANSWERS,
        Answer.CREDENTIALS: lambda _server: {"token": OTHER},
        Answer.CONTENT: scripted(
            lambda: answer(400, b'{"code":40011,"http":400,"error":"message must be UTF-8"}')
        ),
    },
    asked=lambda server: not server.scripted,
    secrets=(TOPIC, TOKEN, OTHER),
    timeouts=TIMEOUTS,
    markup=Markup(
        write=write(Ntfy, {"url": f"https://ntfy.sh{PATH}", "token": TOKEN}, size, shown),
        limit=MAX_MESSAGE,
        own=OWN,
        power=POWER,
    ),
    adapter=Ntfy,
    path=PATH,
    limit=MAX_MESSAGE,
    size=size,
    text_of=shown,
    allows=(Rate(BURST, 1), Rate(BURST + _HOUR // REPLENISH, _HOUR)),
)
