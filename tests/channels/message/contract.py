"""The part of in-app messages in the contract suite: their peer is what keeps them."""

from typing import Final

from support.channel_contract import Answer, Contract
from support.notices import Messages, kept_messages

from bridge.errors import StoreError
from bridge.model.notice import BuildFacts, DigestFacts, Notice

_HERE: Final = "messages are kept in this process: there is no"


def _full(messages: Messages) -> None:
    messages.failing = StoreError("the disk is full")


def _subject(notice: Notice) -> str:
    facts = notice.facts
    assert not isinstance(facts, DigestFacts)
    return f"{facts.namespace}/{facts.repo_name}" if isinstance(facts, BuildFacts) else facts.subject


CONTRACT: Final = Contract[Messages](
    serve=lambda _folder, _clock: kept_messages(),
    settings=lambda _messages: {},
    gives=lambda messages: {"messages": messages},
    taken=lambda messages: [_subject(notice) for notice in messages.kept],
    answers={Answer.TAKEN: lambda _messages: None, Answer.TEMPORARY: _full},
    absent={
        Answer.CREDENTIALS: f"{_HERE} log-in",
        Answer.CONTENT: "every notice is kept as it is",
        Answer.RATE_SECONDS: f"{_HERE} limit",
        Answer.RATE_DATE: f"{_HERE} limit",
        Answer.SERVER_ERROR: f"{_HERE} server",
        Answer.UNREACHABLE: f"{_HERE} connection",
        Answer.LOST: f"{_HERE} connection",
        Answer.SILENT: "the store bounds its own calls",
        Answer.UNREADABLE: f"{_HERE} protocol",
    },
)
