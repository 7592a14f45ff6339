"""Mail over SMTP.

Standards: "Simple Mail Transfer Protocol", https://www.rfc-editor.org/rfc/rfc5321, "Internet Message Format",
https://www.rfc-editor.org/rfc/rfc5322, "Recommendations for Automatic Responses to Electronic Mail",
https://www.rfc-editor.org/rfc/rfc3834, and "List-Id", https://www.rfc-editor.org/rfc/rfc2919.

Each recipient gets a separate message. The channel remembers who has it, so that a further attempt of the
same notice goes to the others only. After a restart the unchanged Message-ID lets the receiver drop a repeat.
"""

import base64
import hashlib
import html
import smtplib
import socket
import ssl
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Annotated, Final, Literal, Self

import anyio
import anyio.to_thread
from pydantic import AfterValidator, Field, model_validator

from bridge.channels.base import Channel, ChannelContext, Dead, Ok, Outcome, Retry, Unknown
from bridge.channels.content import DETAILS, Content, Detail, Line, Link, compose
from bridge.channels.robot import CaFile
from bridge.channels.text import plain
from bridge.config.types import Secret, Strict, wrong
from bridge.errors import Permanent
from bridge.model.notice import BuildFacts, Notice
from bridge.runtime.http_client import certificates

STEP_TIMEOUT: Final = 10.0
TOTAL_TIMEOUT: Final = 25.0
TRY_LATER: Final = 300.0
_REMEMBERED: Final = 1000
_SMALL: Final = DETAILS[-2]
_FAILURE: Final = 400
_PERMANENT: Final = 500
_TOO_BIG: Final = 552


def _parsed(text: str) -> Address:
    """The one address that a header with this text would name. Raises ValueError."""
    header = SMTP.header_factory("To", text)
    if len(header.addresses) != 1 or header.defects:
        raise ValueError("not one address")
    address: Address = header.addresses[0]
    return address


def _address(text: str) -> str:
    try:
        parsed = _parsed(text)
    except ValueError:
        raise wrong(
            "address", "write one mail address, such as ci@example.com or CI <ci@example.com>"
        ) from None
    if not parsed.domain or not parsed.username or not parsed.addr_spec.isascii() or not text.isprintable():
        raise wrong("address", "a mail address needs a name and a domain, in ASCII")
    return text


MailAddress = Annotated[str, Field(max_length=320), AfterValidator(_address)]


class MailSettings(Strict):
    """The mail server, the sender and the recipients. The channel never guesses how to encrypt."""

    host: Annotated[str, Field(min_length=1, max_length=255)]
    """The SMTP server."""
    port: Annotated[int, Field(ge=1, le=65535)] = 587
    """Its port."""
    tls: Literal["starttls", "implicit", "none"] = "starttls"
    """`starttls` and `implicit` require encryption, `none` sends in clear text."""
    allow_plaintext_auth: bool = False
    """Allows the password to be sent without encryption."""
    username: str | None = None
    """The user for the login; without it there is no login."""
    password: Secret | None = None
    """The password of that user."""
    sender: Annotated[MailAddress, Field(alias="from")]
    """The address of the sender."""
    to: Annotated[list[MailAddress], Field(min_length=1, max_length=50)]
    """The recipients."""
    ca_file: CaFile | None = None
    """The authorities to trust instead of the public ones (a PEM file)."""

    @model_validator(mode="after")
    def _credentials(self) -> Self:
        if (self.username is None) != (self.password is None):
            raise wrong("mail", "username and password go together")
        if self.tls == "none" and self.password and not self.allow_plaintext_auth:
            raise wrong("mail", "tls: none would send the password in clear: use starttls or implicit")
        return self


@dataclass(slots=True)
class _Attempt:
    """One attempt: the recipients without the notice, and how the server answered for each."""

    notice: Notice
    recipients: list[str]
    done: set[str]
    rejected: list[str] = field(default_factory=list)
    later: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    server: smtplib.SMTP | None = None

    def outcome(self) -> Outcome:
        if self.lost:
            return Unknown("; ".join(self.lost))
        if self.later:
            return Retry("; ".join(self.later), TRY_LATER)
        if self.rejected:
            return Dead(
                "content",
                f"mails taken by the server: {len(self.done)}; rejected: {'; '.join(self.rejected)}",
            )
        return Ok(f"mails taken by the server: {len(self.done)}")


class Mail(Channel):
    kind = "MAIL"
    Settings = MailSettings

    def __init__(self, name: str, settings: MailSettings, context: ChannelContext) -> None:
        self.name = name
        self._settings = settings
        self._context = context
        self._sender = _parsed(settings.sender).addr_spec
        self._domain = self._sender.rpartition("@")[2]
        self._hidden = _forms(settings.username, settings.password)
        self._delivered: OrderedDict[str, set[str]] = OrderedDict()
        self._threads = anyio.CapacityLimiter(2)  # the most that a silent server can hold

    async def send(self, notice: Notice) -> Outcome:
        done = self._delivered.setdefault(notice.id, set())
        while len(self._delivered) > _REMEMBERED:
            self._delivered.popitem(last=False)
        attempt = _Attempt(notice, [each for each in self._settings.to if each not in done], done)
        try:
            with anyio.fail_after(TOTAL_TIMEOUT):
                outcome = await anyio.to_thread.run_sync(
                    self._deliver, attempt, abandon_on_cancel=True, limiter=self._threads
                )
        except TimeoutError:
            return Unknown(f"the mail server did not finish within {TOTAL_TIMEOUT:.0f} s")
        finally:
            _hang_up(attempt.server)
        if isinstance(outcome, Ok):
            self._delivered.pop(notice.id, None)
        return outcome

    def _deliver(self, attempt: _Attempt) -> Outcome:
        try:
            try:
                self._session(attempt)
            finally:
                _quit(attempt.server)
        except Permanent as error:
            return Dead("config", str(error))
        except smtplib.SMTPResponseException as error:
            said = self._said(error.smtp_code, error.smtp_error)
            return Retry(said, TRY_LATER) if _temporary(error.smtp_code) else Dead("config", said)
        except smtplib.SMTPNotSupportedError as error:
            return Dead("config", f"the mail server does not support a setting of the channel: {error}")
        except ssl.SSLError as error:
            why = f"TLS with {self._settings.host} failed: {error.reason}"
            # A restarting server breaks off here, too: only a bad certificate needs a person.
            untrusted = isinstance(error, ssl.SSLCertVerificationError)
            return Dead("config", why) if untrusted else Retry(why, TRY_LATER)
        except OSError as error:  # the root of smtplib's exceptions, too
            attempt.later.append(f"no session with {self._settings.host}: {type(error).__name__}")
        except UnicodeEncodeError:
            return Dead("config", "username and password must be ASCII")
        return attempt.outcome()

    def _session(self, attempt: _Attempt) -> None:
        server = attempt.server = self._connect()
        if self._settings.tls == "starttls":
            server.starttls(context=certificates(self._settings.ca_file))
        if self._settings.username is not None and self._settings.password is not None:
            server.login(self._settings.username, self._settings.password.reveal())
        server.ehlo_or_helo_if_needed()
        for recipient in attempt.recipients:
            self._transfer(server, recipient, attempt)

    def _connect(self) -> smtplib.SMTP:
        settings, us = self._settings, socket.gethostname()
        if settings.tls == "implicit":
            context = certificates(settings.ca_file)
            return smtplib.SMTP_SSL(settings.host, settings.port, us, timeout=STEP_TIMEOUT, context=context)
        return smtplib.SMTP(settings.host, settings.port, us, timeout=STEP_TIMEOUT)

    def _transfer(self, server: smtplib.SMTP, recipient: str, attempt: _Attempt) -> None:
        """Send one message to one recipient. Raises OSError when the session is over."""
        code, said = self._dialogue(server, recipient, attempt, DETAILS[0])
        if code == _TOO_BIG:
            code, said = self._dialogue(server, recipient, attempt, _SMALL)
        if code < _FAILURE:
            attempt.done.add(recipient)
            return
        rejections = attempt.later if _temporary(code) else attempt.rejected
        rejections.append(f"{recipient}: {self._said(code, said)}")

    def _dialogue(
        self, server: smtplib.SMTP, recipient: str, attempt: _Attempt, detail: Detail
    ) -> tuple[int, bytes | str]:
        """The server's code and text for one message. Raises smtplib.SMTPSenderRefused and OSError."""
        server.rset()
        code, said = server.mail(self._sender)
        if code >= _FAILURE:
            raise smtplib.SMTPSenderRefused(code, said, self._sender)
        code, said = server.rcpt(_parsed(recipient).addr_spec)
        if code >= _FAILURE:
            return code, said
        try:
            return server.data(self.message(attempt.notice, recipient, detail).as_bytes())
        except smtplib.SMTPDataError as error:
            return error.smtp_code, error.smtp_error
        except OSError:
            attempt.lost.append(f"{recipient}: the connection broke during the transfer of the mail")
            raise

    def _said(self, code: int, said: bytes | str) -> str:
        """The server's text without the credentials that it may repeat."""
        text = said.decode(errors="replace") if isinstance(said, bytes) else said
        for secret in self._hidden:
            text = text.replace(secret, "***")
        return f"the mail server answered {code}: {plain(text, 200)}"

    def message(self, notice: Notice, recipient: str, detail: Detail) -> EmailMessage:
        """The mail as plain text and HTML, in base64: every relay passes that unchanged."""
        context = self._context
        content = compose(notice, context.language, context.clock(), detail)
        mail = EmailMessage(policy=SMTP)
        mail["From"] = self._settings.sender
        mail["To"] = recipient
        mail["Subject"] = content.title
        mail["Date"] = format_datetime(datetime.fromtimestamp(notice.created_at, UTC))
        mail["Message-ID"] = f"<notice-{_digest(notice.id, recipient)}@{self._domain}>"
        # The root of a thread need not exist: mail clients group the mails of one job under it.
        root = f"<job-{_digest(*_job(notice))}@{self._domain}>"
        mail["In-Reply-To"] = mail["References"] = root
        mail["Auto-Submitted"] = "auto-generated"
        mail["List-Id"] = f"Buildbridge notices <buildbridge.{self._domain}>"
        mail["X-Buildbridge-Event"] = notice.event.value
        mail.set_content(_as_text(content), cte="base64")
        mail.add_alternative(_as_html(content), subtype="html", cte="base64")
        return mail


def _forms(username: str | None, password: Secret | None) -> list[str]:
    """The forms of the password: in clear text, and as LOGIN and PLAIN send it."""
    if username is None or password is None:
        return []
    clear = password.reveal()
    sent = (clear, f"\0{username}\0{clear}")
    return [clear, *(base64.b64encode(text.encode()).decode() for text in sent)]


def _temporary(code: int) -> bool:
    """The codes 4yz, and the -1 of smtplib for an unreadable answer."""
    return code < _PERMANENT


def _quit(server: smtplib.SMTP | None) -> None:
    """End the session. The outcome is decided before."""
    if server is not None:
        with suppress(OSError):
            server.quit()
        server.close()


def _hang_up(server: smtplib.SMTP | None) -> None:
    """Wake a thread that still waits for the server."""
    sock = server.sock if server is not None else None
    if sock is not None:
        with suppress(OSError):
            socket.socket.shutdown(sock, socket.SHUT_RDWR)  # SSLSocket.shutdown would drop the TLS state


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode(errors="replace")).hexdigest()[:32]


def _job(notice: Notice) -> tuple[str, ...]:
    facts = notice.facts
    if isinstance(facts, BuildFacts):
        return facts.namespace, facts.repo_name, facts.ref_kind, facts.ref_name
    return ("service", facts.subject)


def _as_text(content: Content) -> str:
    lines = [f"{content.mark} {content.status} · {content.subject}", ""]
    lines.extend(_line_text(line) for line in content.lines)
    lines.extend(["", *(f"> {line}" for line in content.tail), "", _line_text(content.footer)])
    return "\n".join(lines) + "\n"


def _line_text(line: Line) -> str:
    return "".join(f"{span.text} <{span.url}>" if isinstance(span, Link) else span for span in line)


def _as_html(content: Content) -> str:
    heading = html.escape(f"{content.mark} {content.status} · {content.subject}")
    items = "".join(f"<li>{_line_html(line)}</li>" for line in content.lines)
    tail = html.escape("\n".join(content.tail))
    return (
        f"<h3>{heading}</h3>\n<ul>{items}</ul>\n"
        + (f"<pre>{tail}</pre>\n" if tail else "")
        + f"<p>{_line_html(content.footer)}</p>\n"
    )


def _line_html(line: Line) -> str:
    return "".join(
        f'<a href="{html.escape(span.url)}">{html.escape(span.text)}</a>'
        if isinstance(span, Link)
        else html.escape(span)
        for span in line
    )
