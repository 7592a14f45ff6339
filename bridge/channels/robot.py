"""The base of group robots: a code in a JSON answer decides the outcome, whatever the HTTP status."""

from abc import abstractmethod
from collections.abc import Iterable
from typing import ClassVar

from bridge.channels.base import Outcome, Unknown
from bridge.channels.content import Link, Span
from bridge.channels.hook import Hook, TooLong
from bridge.channels.text import neutral
from bridge.runtime.http_client import Reply
from bridge.runtime.rate import Rate


class Robot(Hook):
    """A group robot. Subclasses render a notice and classify a code."""

    peer = "the robot"
    rate = Rate(18, 60)  # the vendors allow 20; two remain for manual tests
    fields: ClassVar[tuple[str, str]] = ("errcode", "errmsg")
    """The names of the code and of its words in an answer."""

    @abstractmethod
    def classify(self, code: int, message: str) -> Outcome | TooLong:
        """The outcome of a code, 0 is success; `message` is one line without secrets."""

    def read(self, reply: Reply) -> Outcome | TooLong:
        """Only the code 0 is success: the robots answer HTTP 200 to failures, too."""
        code_field, words_field = self.fields
        data = reply.data if isinstance(reply.data, dict) else {}
        code, words = data.get(code_field), str(data.get(words_field, ""))
        match reply.status:
            case 200 | 400 as status if type(code) is int and (code or status == 200):  # noqa: PLR2004  # HTTP's number
                return self.classify(code, self.said(words))
            case 200 if not reply.sign_in:
                what = f"is {reply.page}" if reply.page else f"has no {code_field}"
                return Unknown(
                    f"the answer {what}: it does not come from {self.peer}, check the {self.address_setting}"
                )
            case _:
                return self.unread(reply)


def markdown(spans: Iterable[Span]) -> str:
    """A line in chat markup in which only our own links are links."""
    return "".join(
        f"[{neutral(span.text)}]({span.url})" if isinstance(span, Link) else neutral(span) for span in spans
    )
