"""The part of the contract suite of COMMIT_STATUS, at GitHub."""

from typing import Any, Final

from channels.commit_status.host import TOKEN, status_host
from support.channel_contract import Answer, Contract
from support.fake_robots import FakeRobot, answer
from support.robot_contract import HTTP_ANSWERS, TIMEOUTS, scripted

from bridge.model.notice import EventName

OTHER: Final = "another-token-of-the-status-tests"
SHOWN: Final = frozenset(
    {
        EventName.QUEUED,
        EventName.START,
        EventName.SUCCESS,
        EventName.FAIL,
        EventName.STOP,
        EventName.FIXED,
    }
)


def _settings(host: FakeRobot) -> dict[str, Any]:
    return {"host": "GitHub", "url": host.url, "token": TOKEN, "allow_private": True}


CONTRACT: Final = Contract[FakeRobot](
    serve=lambda _folder, _clock: status_host(),
    settings=_settings,
    taken=lambda host: [f"{one['context']} {one['state']} {one['description']}" for one in host.messages],
    answers={
        **HTTP_ANSWERS,
        Answer.CREDENTIALS: lambda _host: {"token": OTHER},
        Answer.CONTENT: scripted(lambda: answer(422, b'{"message": "No commit found for SHA: 1a2b"}')),
        Answer.TEMPORARY: scripted(lambda: answer(408, b"")),
    },
    asked=lambda host: not host.scripted,
    events=SHOWN,
    of_bridge=False,
    secrets=(TOKEN, OTHER),
    timeouts=TIMEOUTS,
)
