"""Mail servers on loopback: with STARTTLS, implicit TLS or neither, a login, and scripted answers."""

import asyncio
import base64
import ssl
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any, Literal

import trustme
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

SILENCE = "silence"
USERNAME, PASSWORD = "ci", "hunter2-of-the-mail"


@dataclass
class FakeSmtp:
    """A running server: what it took as (recipient, message), and answers to give instead of its own.

    `answers` are by command (`MAIL`, `RCPT`, `DATA`, `RSET`) or by recipient; an empty answer breaks the
    connection, `SILENCE` keeps it open without an answer. The server does only what a code 2yz confirms.
    """

    port: int = 0
    ca_file: Path | None = None
    password: str = PASSWORD
    mails: list[tuple[str, EmailMessage]] = field(default_factory=list)
    answers: defaultdict[str, deque[str]] = field(default_factory=lambda: defaultdict(deque))
    sessions: int = 0
    greetings: list[str] = field(default_factory=list)
    """What each EHLO named."""
    greets_after: float = 0
    connections: list[asyncio.BaseTransport] = field(default_factory=list)

    def scripted(self, *keys: str) -> str | None:
        return next((self.answers[key].popleft() for key in keys if self.answers[key]), None)


def _confirms(answer: str) -> bool:
    return answer.startswith("2")


class _Handler:
    def __init__(self, fake: FakeSmtp) -> None:
        self._fake = fake

    async def handle_EHLO(  # noqa: N802  # aiosmtpd's name
        self, server: Any, session: Any, envelope: Any, hostname: str, responses: list[str]
    ) -> list[str]:
        self._fake.sessions += not session.host_name
        self._fake.greetings.append(hostname)
        session.host_name = hostname
        return responses

    async def handle_MAIL(  # noqa: N802  # aiosmtpd's name
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        answer = self._fake.scripted("MAIL") or "250 OK"
        if _confirms(answer):
            envelope.mail_from = address
        return answer

    async def handle_RCPT(  # noqa: N802  # aiosmtpd's name
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        answer = self._fake.scripted("RCPT", address) or "250 OK"
        if _confirms(answer):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802  # aiosmtpd's name
        answer = self._fake.scripted("DATA")
        if answer == "":
            server.transport.abort()
        if answer == SILENCE:
            await asyncio.Event().wait()
        if answer is None or _confirms(answer):
            message = message_from_bytes(envelope.content, policy=default)
            assert isinstance(message, EmailMessage)
            self._fake.mails.extend((address, message) for address in envelope.rcpt_tos)
        return answer or "250 OK"

    async def handle_RSET(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802  # aiosmtpd's name
        return self._fake.scripted("RSET") or "250 OK"


class _Slow(SMTP):  # type: ignore[misc]  # aiosmtpd has no types
    """A server that greets late."""

    def __init__(self, handler: _Handler, fake: FakeSmtp, **settings: Any) -> None:
        super().__init__(handler, **settings)
        self._fake = fake

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._fake.connections.append(transport)
        super().connection_made(transport)

    async def _handle_client(self) -> None:
        await asyncio.sleep(self._fake.greets_after)  # the delay that is tested
        await super()._handle_client()


def _login(fake: FakeSmtp) -> Callable[..., AuthResult]:
    def authenticate(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        right = isinstance(data, LoginPassword) and data == LoginPassword(
            USERNAME.encode(), fake.password.encode()
        )
        sent = b" ".join(
            base64.b64encode(text) for text in (data.password, b"\0%s\0%s" % (data.login, data.password))
        ).decode()
        # A talkative server: it repeats what it was sent, as it was sent.
        words = None if right else f"535 no: {data.password.decode()} {sent}"
        return AuthResult(success=right, handled=right, message=words)

    return authenticate


@asynccontextmanager
async def smtp_server(
    folder: Path, tls: Literal["starttls", "implicit", "none"], *, auth: bool = False
) -> AsyncIterator[FakeSmtp]:
    """A server on `localhost`, its authority's certificate in `folder/ca.pem`."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    fake = FakeSmtp(ca_file=folder / "ca.pem")

    def protocol() -> Any:
        return _Slow(
            _Handler(fake),
            fake,
            tls_context=context if tls == "starttls" else None,
            require_starttls=tls == "starttls",
            auth_required=auth and tls == "starttls",  # aiosmtpd does not see TLS from the start
            auth_require_tls=tls == "starttls",
            authenticator=_login(fake) if auth else None,
            hostname="localhost",
        )

    server = await asyncio.get_running_loop().create_server(
        protocol, "127.0.0.1", 0, ssl=context if tls == "implicit" else None
    )
    fake.port = server.sockets[0].getsockname()[1]
    try:
        yield fake
    finally:
        server.close()
        for connection in fake.connections:
            connection.close()
