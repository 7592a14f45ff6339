"""The part of mail in the contract suite."""

from collections.abc import Callable
from email.message import EmailMessage
from typing import Any, Final

from support.channel_contract import Answer, Contract, Markup, Written
from support.fake_smtp import PASSWORD, SILENCE, USERNAME, FakeSmtp, smtp_server

from bridge.channels.adapters.mail.message import make_message
from bridge.channels.base import ChannelContext
from bridge.channels.content import DETAILS
from bridge.model.notice import Notice

WRONG_PASSWORD: Final = "another-password"
RECIPIENT: Final = "team@example.com"
HEADERS: Final = [
    *("From", "To", "Subject", "Date", "Message-ID", "In-Reply-To", "References", "Auto-Submitted"),
    *("List-Id", "X-Buildbridge-Event", "MIME-Version", "Content-Type"),
]
"""Whatever the facts, a mail has these headers and no others."""
_NO_PAUSE: Final = "SMTP names no pause: too many mails get a temporary refusal (RFC 5321, section 4.2.1)"


def _settings(server: FakeSmtp) -> dict[str, Any]:
    return {
        "host": "localhost",
        "port": server.port,
        "from": "ci@example.com",
        "to": [RECIPIENT],
        "username": USERNAME,
        "password": PASSWORD,
        "ca_file": str(server.ca_file),
    }


def _answering(command: str, words: str) -> Callable[[FakeSmtp], None]:
    return lambda server: server.answers[command].append(words)


def _parts(mail: EmailMessage) -> list[str]:
    return [str(part.get_content()) for part in mail.iter_parts() if isinstance(part, EmailMessage)]


def _write(notice: Notice, context: ChannelContext) -> Written:
    message = make_message(notice, "ci@example.com", RECIPIENT, context, DETAILS[0])
    assert message.keys() == HEADERS
    return Written(len(message.as_bytes()), _parts(message)[1])


CONTRACT: Final = Contract[FakeSmtp](
    serve=lambda folder, _clock: smtp_server(folder, "starttls", auth=True),
    settings=_settings,
    taken=lambda server: ["\n".join(_parts(message)) for _, message in server.mails],
    answers={
        Answer.TAKEN: lambda _server: None,
        Answer.CREDENTIALS: lambda _server: {"password": WRONG_PASSWORD},
        Answer.CONTENT: _answering("DATA", "554 looks like spam"),
        Answer.TEMPORARY: _answering("RCPT", "450 greylisted"),
        Answer.SERVER_ERROR: _answering("MAIL", "421 closing"),
        Answer.UNREACHABLE: lambda _server: {"port": 1},
        Answer.LOST: _answering("DATA", ""),
        Answer.SILENT: _answering("DATA", SILENCE),
        Answer.UNREADABLE: _answering("DATA", "okay"),
    },
    absent={Answer.RATE_SECONDS: _NO_PAUSE, Answer.RATE_DATE: _NO_PAUSE},
    asked=lambda server: not server.answers["DATA"],
    secrets=(PASSWORD, WRONG_PASSWORD),
    timeouts=("bridge.channels.adapters.mail.channel.TOTAL_TIMEOUT",),
    markup=Markup(
        write=_write,
        limit=64 << 10,  # a bound of ours: servers take from 10 MiB on, and name their limit in SIZE
        own=r'</?(?:h3|ul|li|pre|p)>|<a href="https?://[^"<>]*">|</a>',
        power="[<>]",
    ),
)
