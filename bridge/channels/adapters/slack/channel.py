"""Slack incoming webhooks.

Source: "Sending messages using incoming webhooks",
https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks, "Section block",
https://docs.slack.dev/reference/block-kit/blocks/section-block, and "Text object",
https://docs.slack.dev/reference/block-kit/composition-objects/text-object.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import ClassVar, Final

import orjson

from bridge.channels.adapters.slack.chinese import CHINESE
from bridge.channels.base import Dead, Ok, Outcome, Unknown
from bridge.channels.content import Content, Line, Link
from bridge.channels.hook import Hook, HookSettings, TooLong
from bridge.channels.mentions import mentions
from bridge.channels.rendering import fitted
from bridge.channels.text import neutral, neutral_line, unmarked
from bridge.config.people import ContactKey
from bridge.config.types import Shape
from bridge.model.notice import Notice
from bridge.runtime.http_client import Reply
from bridge.runtime.rate import Rate

_SECTION: Final = 2900
"""The characters of a section; the vendor takes 3000."""
_AGAIN: Final = "copy the webhook URL again, or make a new one"
_CURES: Final = {
    "no_service": f"there is no such webhook: {_AGAIN}",
    "no_active_hooks": f"the webhook was switched off: {_AGAIN}",
    "no_team": f"there is no such workspace: {_AGAIN}",
    "team_disabled": f"the workspace is switched off: {_AGAIN}",
    "invalid_token": f"the URL is not valid: {_AGAIN}",
    "channel_not_found": f"the channel of the webhook was deleted: {_AGAIN}",
    "channel_is_archived": "the channel of the webhook is archived: unarchive it, or choose another one",
    "action_prohibited": "an administrator does not allow this webhook to post there",
    "posting_to_general_channel_denied": "an administrator does not allow posts to #general",
}
_REJECTED: Final = frozenset({"invalid_payload", "invalid_blocks", "no_text", "user_not_found"})
_TOO_LONG: Final = frozenset({"msg_too_long", "msg_blocks_too_long"})


class SlackSettings(HookSettings):
    key_after = "/services/"


class Slack(Hook):
    kind = "SLACK"
    chinese = CHINESE
    Settings = SlackSettings
    peer = "Slack"
    contact = ContactKey(
        "slack_id",
        "The member ID (U…) by which Slack mentions this person.",
        Shape(r"[UW][A-Z0-9]{2,20}", "is no member ID, such as U012AB3CD: copy it from the profile"),
    )
    digest_size = 60
    rate = Rate(9, 10)  # the vendor's limit: one a second, and short bursts of more
    limits: ClassVar = (11_000, 4_000)  # the vendor takes about 13 000 characters in all blocks

    def render(self, notice: Notice, limit: int) -> bytes:
        members = mentions(notice, self.context.contacts)

        def body(content: Content) -> bytes:
            heading = content.heading(neutral)
            blocks = [_section(text) for text in _packed(_lines(content, heading, members))]
            return orjson.dumps({"text": heading, "blocks": blocks})

        return fitted(notice, self.context, body, limit)

    def read(self, reply: Reply) -> Outcome | TooLong:
        """Success is the word `ok`, not JSON; a failure is a word, too."""
        word = reply.text.strip()
        said = f"Slack answered {self.said(word)}"
        if reply.status == 200 and word == "ok":  # noqa: PLR2004  # HTTP's number
            return Ok()
        if word in _TOO_LONG:
            return TooLong(said)
        if word in _REJECTED:
            return Dead("content", said)
        if word in _CURES:
            return Dead("config", f"{_CURES[word]} ({said})")
        if reply.status == 200 and not reply.sign_in:  # noqa: PLR2004  # HTTP's number
            what = f"is {reply.page}" if reply.page else "is not ok"
            return Unknown(f"the answer {what}: it does not come from {self.peer}, check the url")
        return self.unread(reply)


def _lines(content: Content, heading: str, members: Sequence[str]) -> Iterator[str]:
    yield f"*{heading}*"
    for line in content.lines:
        yield unmarked(_mrkdwn(line))
    for text in content.tail:
        yield f"> {neutral_line(text)}"
    yield _mrkdwn(content.footer)
    if members:
        yield " ".join(f"<@{each}>" for each in members)


def _mrkdwn(line: Line) -> str:
    """The vendor's own markup, in which `<URL|text>` is a link."""
    return "".join(
        f"<{_escaped(span.url)}|{_escaped(neutral(span.text))}>"
        if isinstance(span, Link)
        else _escaped(neutral(span))
        for span in line
    )


def _escaped(text: str) -> str:
    """`<` and `>` are none of a neutral text, nor of an address."""
    return text.replace("&", "&amp;")


def _packed(lines: Iterable[str]) -> Iterator[str]:
    """The lines in as few texts as their length allows."""
    text = ""
    for line in lines:
        if text and len(text) + 1 + len(line) > _SECTION:
            yield text
            text = line
        else:
            text = f"{text}\n{line}" if text else line
    yield text


def _section(text: str) -> dict[str, object]:
    """A block whose words the vendor leaves as they are: without `verbatim` a bare example.com is a link."""
    return {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}
