"""One attempt to send a notice over SMTP.

Source: "Simple Mail Transfer Protocol", https://www.rfc-editor.org/rfc/rfc5321.
"""

import base64
import socket
import ssl
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import anyio
import anyio.to_thread
from aiosmtplib import (
    SMTP,
    SMTPDataError,
    SMTPException,
    SMTPHeloError,
    SMTPRecipientRefused,
    SMTPResponseException,
)

from bridge.channels.adapters.mail.address import parsed
from bridge.channels.adapters.mail.message import make_message
from bridge.channels.adapters.mail.settings import MailSettings
from bridge.channels.base import ChannelContext, Dead, Ok, Outcome, Retry, Unknown
from bridge.channels.content import DETAILS, Detail
from bridge.channels.text import plain
from bridge.config.types import Secret
from bridge.errors import NotSent, Permanent
from bridge.model.notice import Notice
from bridge.runtime import lease
from bridge.runtime.http_client import certificates
from bridge.runtime.tls import causes, speaks_tls, tls_fault

STEP_TIMEOUT: Final = 10.0
GREETING_TIMEOUT: Final = 300.0
"""RFC 5321, section 4.5.3.2.1: a server may be that slow to greet, to discourage senders of spam."""
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


class Attempt:
    """A mail for each recipient, and how the server answered for each."""

    def __init__(
        self, settings: MailSettings, context: ChannelContext, notice: Notice, recipients: Sequence[str]
    ) -> None:
        self._settings = settings
        self._context = context
        self._notice = notice
        self._hidden = _forms(settings.username, settings.password)
        # Written before the session: a fault of our own must not look like one of the server.
        self._mails = {each: self._mail(each, DETAILS[0]) for each in recipients}
        self._done: set[str] = set()
        self._rejected: list[str] = []
        self._later: list[str] = []
        self._lost: list[str] = []
        self._broken: list[str] = []
        """Faults of a whole session."""

    async def make(self) -> Outcome:
        """One session with the server, or more where a mail ends it."""
        host = self._settings.host
        waiting = deque(self._mails)
        try:
            while waiting:
                async with await self._session() as session:
                    connected = True
                    # One mail may end the session: the next recipients get a new one.
                    while waiting and connected:
                        await self._transfer(session, waiting.popleft())
                        connected = session.is_connected
        except Permanent as error:
            return Dead("config", str(error))
        except SMTPResponseException as error:
            said = self._said(error.code, error.message)
            if not _temporary(error.code):
                return Dead("config", said)
            self._broken.append(said)
        except NotSent as error:
            self._broken.append(str(error))
        except OSError as error:
            fault = tls_fault(error, host, without_tls="set tls: starttls, or the port for tls: implicit")
            if fault and any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes(error)):
                return Dead("config", fault)
            # A restarting server breaks off the handshake, too: only a bad certificate needs a person.
            reason = fault or type(error.__cause__ or error).__name__
            self._broken.append(f"no session with {host}: {reason}")
        return self._outcome()

    async def _session(self) -> SMTP:
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
            session = SMTP(
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

    async def _transfer(self, session: SMTP, recipient: str) -> None:
        """Send one message to one recipient. Raises NotSent, and OSError when the session ends before it."""
        try:
            try:
                await self._dialogue(session, recipient, self._mails[recipient])
            except SMTPDataError as error:
                if error.code != _TOO_BIG:
                    raise
                await self._dialogue(session, recipient, self._mail(recipient, _SMALL))
        except (SMTPRecipientRefused, SMTPDataError) as error:
            rejections = self._later if _temporary(error.code) else self._rejected
            rejections.append(f"{recipient}: {self._said(error.code, error.message)}")

    async def _dialogue(self, session: SMTP, recipient: str, mail: bytes) -> None:
        """Send one message. Raises SMTPResponseException when the server rejects it, NotSent, and OSError."""
        await _reset(session)
        with _any_success():
            await session.mail(parsed(self._settings.sender).addr_spec)
        with _any_success():
            await session.rcpt(parsed(recipient).addr_spec)
        lease.require()
        try:
            with _any_success():
                await session.data(mail)
        except OSError:
            self._lost.append(f"{recipient}: the connection broke during the transfer of the mail")
        except SMTPResponseException as error:
            if error.code != _UNREADABLE:
                raise
            self._lost.append(f"{recipient}: the answer of the mail server to the mail is unreadable")
            session.close()  # aiosmtplib would read the same line again as the next answer
        else:
            self._done.add(recipient)

    def _said(self, code: int, text: str) -> str:
        """The server's text without the credentials that it may repeat."""
        for secret in self._hidden:
            text = text.replace(secret, "***")
        return f"the mail server answered {code}: {plain(text, 200)}"

    def _outcome(self) -> Outcome:
        if self._lost:
            return Unknown("; ".join(self._lost))
        if self._broken or self._later:
            return Retry("; ".join([*self._broken, *self._later]), TRY_LATER, of_notice=not self._broken)
        if self._rejected:
            return Dead(
                "content",
                f"mails taken by the server: {len(self._done)}; rejected: {'; '.join(self._rejected)}",
            )
        return Ok(f"mails taken by the server: {len(self._done)}")

    def _mail(self, recipient: str, detail: Detail) -> bytes:
        return make_message(self._notice, self._settings.sender, recipient, self._context, detail).as_bytes()


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


async def _reset(session: SMTP) -> None:
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
