"""Mail over SMTP.

Source: "Simple Mail Transfer Protocol", https://www.rfc-editor.org/rfc/rfc5321, "Internet Message Format",
https://www.rfc-editor.org/rfc/rfc5322, "Recommendations for Automatic Responses to Electronic Mail",
https://www.rfc-editor.org/rfc/rfc3834, and "List-Id", https://www.rfc-editor.org/rfc/rfc2919.

Each recipient gets a separate message, with attempts and an end of its own. The Message-ID stays the same
over all attempts: it lets the receiver drop a repeat.
"""

import base64
import hashlib
import html
import socket
import ssl
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Annotated, Final, Literal, Self

import anyio
import anyio.to_thread
from aiosmtplib import SMTP as SmtpSession  # noqa: N811  # SMTP is the policy of mails
from aiosmtplib import (
    SMTPDataError,
    SMTPException,
    SMTPHeloError,
    SMTPRecipientRefused,
    SMTPResponseException,
)
from pydantic import AfterValidator, Field, model_validator

from bridge.channels.base import Channel, ChannelContext, Dead, Ok, Outcome, Retry, Unknown
from bridge.channels.content import DETAILS, Content, Detail, Line, Link, compose
from bridge.channels.text import plain
from bridge.config.types import ConfigPath, Secret, Strict, wrong
from bridge.errors import Permanent
from bridge.model.notice import BuildFacts, Notice
from bridge.runtime.http_client import certificates
from bridge.runtime.tls import causes, speaks_tls, tls_fault

STEP_TIMEOUT: Final = 10.0
GREETING_TIMEOUT: Final = 300.0
"""RFC 5321, section 4.5.3.2.1: a server may be that slow to greet, to discourage senders of spam."""
TOTAL_TIMEOUT: Final = 330.0
TRY_LATER: Final = 300.0
_RELAY_PORT: Final = 25
"""Relays greet late on purpose, and who speaks first is taken for a sender of spam."""
_SMALL: Final = DETAILS[-2]
_UNREADABLE: Final = -1
"""The code of aiosmtplib for an answer that begins with no code."""
_SUCCESS: Final = range(200, 300)
_CLOSING: Final = 421
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
    ca_file: ConfigPath | None = None
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
    """One attempt: a mail for each recipient without the notice, and how the server answered for each."""

    notice: Notice
    mails: dict[str, bytes]
    done: set[str] = field(default_factory=set)
    rejected: list[str] = field(default_factory=list)
    later: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    """Faults of a whole session."""

    def outcome(self) -> Outcome:
        if self.lost:
            return Unknown("; ".join(self.lost))
        if self.broken or self.later:
            return Retry("; ".join([*self.broken, *self.later]), TRY_LATER, of_notice=not self.broken)
        if self.rejected:
            return Dead(
                "content",
                f"mails taken by the server: {len(self.done)}; rejected: {'; '.join(self.rejected)}",
            )
        return Ok(f"mails taken by the server: {len(self.done)}")


class Mail(Channel):
    kind = "MAIL"
    Settings = MailSettings
    patience = TOTAL_TIMEOUT + 15

    def __init__(self, name: str, settings: MailSettings, context: ChannelContext) -> None:
        self.name = name
        self._settings = settings
        self._context = context
        self._sender = _parsed(settings.sender).addr_spec
        self._domain = self._sender.rpartition("@")[2]
        self._hidden = _forms(settings.username, settings.password)
        self.recipients = tuple(dict.fromkeys(settings.to))

    async def send(self, notice: Notice) -> Outcome:
        recipients = self.recipients if notice.recipient is None else (notice.recipient,)
        if unknown := set(recipients).difference(self.recipients):
            return Dead("content", f"the channel has no recipient {unknown.pop()} any more")
        # Written before the session: a fault of our own must not look like one of the server.
        mails = {each: self.message(notice, each, DETAILS[0]).as_bytes() for each in recipients}
        try:
            with anyio.fail_after(TOTAL_TIMEOUT):
                return await self._deliver(_Attempt(notice, mails))
        except TimeoutError:
            return Unknown(f"the mail server did not finish within {TOTAL_TIMEOUT:.0f} s")

    async def _deliver(self, attempt: _Attempt) -> Outcome:
        host = self._settings.host
        waiting = deque(attempt.mails)
        try:
            while waiting:
                async with await self._session() as session:
                    connected = True
                    # One mail may end the session: the next recipients get a new one.
                    while waiting and connected:
                        await self._transfer(session, waiting.popleft(), attempt)
                        connected = session.is_connected
        except Permanent as error:
            return Dead("config", str(error))
        except SMTPResponseException as error:
            said = self._said(error.code, error.message)
            if not _temporary(error.code):
                return Dead("config", said)
            attempt.broken.append(said)
        except OSError as error:
            fault = tls_fault(error, host, without_tls="set tls: starttls, or the port for tls: implicit")
            if fault and any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes(error)):
                return Dead("config", fault)
            # A restarting server breaks off the handshake, too: only a bad certificate needs a person.
            reason = fault or type(error.__cause__ or error).__name__
            attempt.broken.append(f"no session with {host}: {reason}")
        return attempt.outcome()

    async def _session(self) -> SmtpSession:
        """A session after the login. Raises Permanent for bad settings, SMTPResponseException, OSError."""
        settings = self._settings
        context = None
        if settings.tls != "none":
            context = await anyio.to_thread.run_sync(certificates, settings.ca_file)
        try:
            connection, own_name = await anyio.to_thread.run_sync(
                _connected, settings.host, settings.port, abandon_on_cancel=True
            )
            greets = settings.tls != "implicit" and settings.port != _RELAY_PORT
            if greets and await _waits_for_tls(connection, settings.host, settings.port):
                raise Permanent(f"port {settings.port} of {settings.host} begins with TLS: set tls: implicit")
            session = SmtpSession(
                hostname=settings.host,
                sock=connection,
                username=settings.username,
                password=settings.password.reveal() if settings.password else None,
                local_hostname=own_name,
                timeout=STEP_TIMEOUT,
                use_tls=settings.tls == "implicit",
                start_tls=settings.tls == "starttls",
                tls_context=context,
            )
            await session.connect(timeout=GREETING_TIMEOUT)
        except (OSError, SMTPResponseException):
            raise
        except (SMTPException, ValueError) as error:
            raise Permanent(f"the mail server does not support a setting of the channel: {error}") from error
        return session

    async def _transfer(self, session: SmtpSession, recipient: str, attempt: _Attempt) -> None:
        """Send one message to one recipient. Raises OSError when the session is over before the mail."""
        try:
            try:
                await self._dialogue(session, recipient, attempt, attempt.mails[recipient])
            except SMTPDataError as error:
                if error.code != _TOO_BIG:
                    raise
                small = self.message(attempt.notice, recipient, _SMALL).as_bytes()
                await self._dialogue(session, recipient, attempt, small)
        except (SMTPRecipientRefused, SMTPDataError) as error:
            rejections = attempt.later if _temporary(error.code) else attempt.rejected
            rejections.append(f"{recipient}: {self._said(error.code, error.message)}")

    async def _dialogue(self, session: SmtpSession, recipient: str, attempt: _Attempt, mail: bytes) -> None:
        """Send one message. Raises SMTPResponseException when the server rejects it, and OSError."""
        await _reset(session)
        with _any_success():
            await session.mail(self._sender)
        with _any_success():
            await session.rcpt(_parsed(recipient).addr_spec)
        try:
            with _any_success():
                await session.data(mail)
        except OSError:
            attempt.lost.append(f"{recipient}: the connection broke during the transfer of the mail")
        except SMTPResponseException as error:
            if error.code != _UNREADABLE:
                raise
            attempt.lost.append(f"{recipient}: the answer of the mail server to the mail is unreadable")
            session.close()  # aiosmtplib would read the same line again as the next answer
        else:
            attempt.done.add(recipient)

    def _said(self, code: int, text: str) -> str:
        """The server's text without the credentials that it may repeat."""
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


def _connected(host: str, port: int) -> tuple[socket.socket, str]:
    """A connection to the first address of the host that takes one, and what EHLO is to name.

    That is the full name of this host, or its address in brackets (RFC 5321, section 4.1.3). Raises OSError,
    and ValueError when the host is no name.
    """
    connection = socket.create_connection((host, port), STEP_TIMEOUT)
    connection.setblocking(False)
    name, address = socket.getfqdn(), connection.getsockname()[0]
    if "." in name and name.isascii() and not name.endswith(".arpa"):
        return connection, name
    return connection, f"[IPv6:{address}]" if ":" in address else f"[{address}]"


async def _waits_for_tls(connection: socket.socket, host: str, port: int) -> bool:
    """Whether the server does not greet because it waits for TLS; if so, the connection is closed."""
    waits = True
    try:
        with anyio.move_on_after(STEP_TIMEOUT):
            await anyio.wait_readable(connection)
            waits = False
        waits = waits and await anyio.to_thread.run_sync(
            speaks_tls, host, port, STEP_TIMEOUT, abandon_on_cancel=True
        )
    finally:
        if waits:
            connection.close()
    return waits


async def _reset(session: SmtpSession) -> None:
    """End the transaction before. A refusal ends nothing: the answer to MAIL decides."""
    try:
        await session.rset()
    except SMTPHeloError:
        raise
    except SMTPResponseException as error:
        if error.code in {_UNREADABLE, _CLOSING}:
            raise


@contextmanager
def _any_success() -> Iterator[None]:
    """Take every code 2yz as success (RFC 5321, section 4.3.2): aiosmtplib insists on 250."""
    try:
        yield
    except SMTPResponseException as error:
        if error.code not in _SUCCESS:
            raise


def _temporary(code: int) -> bool:
    """The codes 4yz, and that of an unreadable answer."""
    return code < _PERMANENT


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
