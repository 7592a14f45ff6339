"""HTTP to one Jenkins server, from asyncio, through python-jenkins in a few threads of its own.

python-jenkins keeps the login and the session; what an answer means is decided here and by the caller,
because its exceptions cannot tell a restarting server from a missing build, and quote whole HTML pages.
Paths are relative to the server's root and already percent-encoded.

Source: "Python Jenkins", https://python-jenkins.readthedocs.io/
"""

import io
import queue
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException, RemoteDisconnected
from typing import Any, Final, TypeVar
from urllib.parse import urlencode, urlsplit

import anyio
import anyio.to_thread
import jenkins
import requests
import urllib3
from pydantic import BaseModel, ValidationError
from requests.exceptions import ProxyError

from bridge.builders.jenkins.answer import Answer, describe
from bridge.builders.jenkins.model import JenkinsCrumb
from bridge.errors import Denied, NotSent, Permanent, RemoteError, Transient, Unanswered
from bridge.runtime.clock import Clock
from bridge.runtime.tls import causes, speaks_tls, tls_fault
from bridge.runtime.web_page import is_web_page

MAX_JSON: Final = 32 << 20
_MAX_ERROR_PAGE: Final = 64 << 10
_PIECE: Final = 64 << 10
_TLS_PROBE: Final = 3.0
_CRUMB: Final = "crumbIssuer/api/json"

Shape = TypeVar("Shape", bound=BaseModel)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerAccess:
    """How to reach the server; `timeout` in seconds bounds a call from end to end.

    `secret` is an API token of the user, or the password.
    """

    url: str
    username: str
    secret: str
    by_password: bool
    timeout: float
    ca_file: str | None
    proxy: str | None
    concurrency: int


Window = Callable[[Mapping[str, str]], tuple[int, int]]
"""From the headers of a good answer: how many bytes to pass over, and how many to keep."""


class Body(io.BytesIO):
    """The body of a POST, which can be withdrawn as long as no byte of it was sent; `kind` is its media type.

    Jenkins acts only on a complete body. One that was withdrawn unread therefore proves that nothing
    happened, and a thread that timed out cannot start a build later.
    """

    def __init__(self, content: bytes, kind: str) -> None:
        super().__init__(content)
        self.kind = kind
        self._lock = threading.Lock()
        self._withdrawn = False

    def read(self, size: int | None = -1) -> bytes:
        with self._lock:
            if self._withdrawn:
                raise OSError("the request was cancelled before it was sent")
            return super().read(size)

    def withdraw(self) -> bool:
        """Forbid any further reading; True if nothing had been read."""
        with self._lock:
            self._withdrawn = True
            return self.tell() == 0

    def rewind(self) -> None:
        """Make it as if no byte had been read: the answer was that nothing happened."""
        with self._lock:
            self.seek(0)


class Form(Body):
    """The fields of a form."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__(urlencode(fields).encode(), "application/x-www-form-urlencoded")


class _Client(jenkins.Jenkins):  # type: ignore[misc]  # the library has no types
    """python-jenkins, but every answer comes back as it is: no redirect is followed, no status is raised."""

    def __init__(self, access: ServerAccess) -> None:
        # To connect and to wait for the answer: together less than a call, so that its thread ends first.
        timeout = (access.timeout * 0.25, access.timeout * 0.6)
        super().__init__(access.url, access.username, access.secret, timeout=timeout)
        self._session.trust_env = False
        self._session.verify = access.ca_file or True
        if access.proxy:
            self._session.proxies = {"http": access.proxy, "https": access.proxy}
        # A dictionary for the library to add to requests, False where there is none, None to be asked for.
        self.crumb: Any = None
        self.run: str | None = None
        """The run of Jenkins that the crumb and the session cookie are of."""

    def _request(self, req: requests.Request, stream: bool | None = None) -> requests.Response:
        prepared = self._session.prepare_request(req)
        settings = self._session.merge_environment_settings(
            prepared.url, {}, stream, self._session.verify, None
        )
        settings |= {"timeout": self.timeout, "allow_redirects": False}
        answer: requests.Response = self._session.send(prepared, **settings)
        return answer

    def _response_handler(self, response: requests.Response) -> requests.Response:
        return response

    def ask(self, method: str, path: str, body: Body | None, *, crumb: bool) -> requests.Response:
        # A bare BytesIO has no type for requests to guess.
        headers = {"Content-Type": body.kind} if body else {}
        request = requests.Request(method, self.server + path, data=body, headers=headers)
        answer: requests.Response = self.jenkins_request(request, add_crumb=crumb, stream=True)
        return answer

    def forget_session(self) -> None:
        self.crumb = None
        self._session.cookies.clear()

    def close(self) -> None:
        self._session.close()


@dataclass(frozen=True, slots=True)
class _Request:
    """`crumb` says that it needs one."""

    method: str
    path: str
    body: Body | None
    window: Window
    crumb: bool


class JenkinsServer:
    """One Jenkins server: `session` identifies its present run, known to us `since` (Unix seconds)."""

    def __init__(self, access: ServerAccess, clock: Clock) -> None:
        self._access = access
        self._clock = clock
        self._limiter: anyio.CapacityLimiter | None = None
        self._clients: queue.LifoQueue[_Client | None] = queue.LifoQueue()
        for _ in range(access.concurrency):
            self._clients.put(None)
        self._closed = False
        self.session: str | None = None
        self.since = 0.0

    async def read(self, path: str, shape: type[Shape]) -> Shape | None:
        """The JSON document at `path`; None when there is none (404)."""
        answer = await self.call("GET", path)
        if answer.status == 404:  # noqa: PLR2004  # an HTTP status
            return None
        return self.document(answer, shape)

    def document(self, answer: Answer, shape: type[Shape]) -> Shape:
        """The JSON document that an answer is. Raises RemoteError where it is none."""
        if answer.status != 200:  # noqa: PLR2004  # an HTTP status
            raise self.error_of(answer)
        if answer.truncated:
            raise Permanent(f"Jenkins answered with more than {MAX_JSON >> 20} MiB")
        if answer.sign_in:
            raise self.error_of(answer)
        if is_web_page(answer.body):
            raise Transient(
                "`url` shows a web page, not the API of Jenkins: check `url`, and any proxy on the way"
            )
        try:
            document = shape.model_validate_json(answer.body)
        except ValidationError:
            raise Transient("Jenkins answered with something that is not its API's JSON") from None
        if not answer.from_jenkins:
            raise Transient("what answers at `url` is not Jenkins: check `url`, and any proxy on the way")
        return document

    def error_of(self, answer: Answer) -> RemoteError:
        """What an answer that is neither 2xx nor 404 means for a request that changes nothing."""
        why = self.describe(answer)
        if answer.status >= 500 or answer.status in {408, 425, 429}:  # noqa: PLR2004  # HTTP statuses
            return Transient(why, answer.after)
        if answer.status in {401, 403} or answer.sign_in:
            return Denied(why)
        return Permanent(why)

    def describe(self, answer: Answer) -> str:
        """What an answer that is not a success means, in our own words."""
        return describe(answer, by_password=self._access.by_password)

    async def call(
        self,
        method: str,
        path: str,
        *,
        body: Body | None = None,
        window: Window = lambda _headers: (0, MAX_JSON),
        crumb: bool = True,
    ) -> Answer:
        """The answer, whatever its status; with `crumb` False, one to a password that has none.

        Raises NotSent, Unanswered, or another RemoteError when there is no crumb to be had for the request.
        """
        crumb = crumb and self._access.by_password and method != "GET"
        if self._limiter is None:
            self._limiter = anyio.CapacityLimiter(self._access.concurrency)
        try:
            with anyio.fail_after(self._access.timeout):
                answer = await anyio.to_thread.run_sync(
                    self._exchange,
                    _Request(method, path, body, window, crumb),
                    limiter=self._limiter,
                    abandon_on_cancel=True,
                )
        except TimeoutError:
            why = f"Jenkins did not answer within {self._access.timeout:g} s"
            raise (NotSent(why) if body and body.withdraw() else Unanswered(why)) from None
        finally:
            if body:
                body.withdraw()
        self._note_session(answer.headers.get("X-Jenkins-Session"))
        return answer

    def _note_session(self, session: str | None) -> None:
        if session and session != self.session:
            self.session, self.since = session[:64], self._clock()

    def _exchange(self, request: _Request) -> Answer:
        body = request.body
        deadline = time.monotonic() + self._access.timeout * 0.95
        answer, why = None, ""
        try:
            with self._client(deadline) as client:
                answer = self._answer(client, request, deadline)
        except _CONNECTION_ERRORS as error:
            why = _reason(error, self._access)
        # Outside the handler, so that the new error has no context that holds URLs or headers.
        if (answer is None or answer.status == 400) and self._wants_tls(deadline):  # noqa: PLR2004  # HTTP
            raise NotSent("this port of Jenkins speaks TLS: write https:// in `url`")
        if answer is None:
            raise NotSent(why) if body and body.withdraw() else Unanswered(why)
        return answer

    def _answer(self, client: _Client, request: _Request, deadline: float) -> Answer:
        """The answer; where a crumb is needed, one to a crumb that has just been fetched, or still holds."""
        fresh = request.crumb and self._get_crumb(client, deadline)
        with client.ask(request.method, request.path, request.body, crumb=request.crumb) as response:
            answer = _answer(response, request.window, deadline)
        if fresh or not (request.crumb and answer.asks_for_crumb):
            return answer
        # Jenkins did nothing: the session of the crumb was over.
        client.forget_session()
        if request.body:
            request.body.rewind()
        return self._answer(client, request, deadline)

    def _get_crumb(self, client: _Client, deadline: float) -> bool:
        """See to it that the client has a crumb of this run of Jenkins; True where it had none."""
        if client.crumb is not None and client.run == self.session:
            return False
        client.forget_session()
        with client.ask("GET", _CRUMB, None, crumb=False) as response:
            answer = _answer(response, lambda _headers: (0, _MAX_ERROR_PAGE), deadline)
        client.run = answer.headers.get("X-Jenkins-Session", self.session)
        # There is no such page where no request needs a crumb.
        missing = answer.status == 404  # noqa: PLR2004  # an HTTP status
        client.crumb = not missing and self.document(answer, JenkinsCrumb).model_dump(by_alias=True)
        return True

    def _wants_tls(self, deadline: float) -> bool:
        """Whether a TLS server listens where plain HTTP had no success yet."""
        url = urlsplit(self._access.url)
        seconds = min(_TLS_PROBE, deadline - time.monotonic())
        if url.scheme != "http" or self._access.proxy or self.session or seconds <= 0:
            return False
        return speaks_tls(url.hostname or "", url.port or 80, seconds)

    @contextmanager
    def _client(self, deadline: float) -> Iterator[_Client]:
        """A client for one exchange; after an error it is closed and not used again."""
        try:
            client = self._clients.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            raise TimeoutError("all connections are busy") from None
        kept: _Client | None = None
        try:
            client = _Client(self._access) if client is None else client
            yield client
            kept = client
        finally:
            if client is not None and (kept is None or self._closed):
                client.close()
                kept = None
            self._clients.put(kept)

    def close(self) -> None:
        """Close the idle connections; those in use close when their exchange ends."""
        self._closed = True
        for _ in range(self._access.concurrency):
            try:
                client = self._clients.get_nowait()
            except queue.Empty:
                break
            if client is not None:
                client.close()


_CONNECTION_ERRORS = (
    jenkins.JenkinsException,
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    HTTPException,
    OSError,
    ValueError,
)


def _answer(response: requests.Response, window: Window, deadline: float) -> Answer:
    skip, keep = window(response.headers) if response.ok else (0, _MAX_ERROR_PAGE)
    body = bytearray()
    seen = 0
    while len(body) <= keep and (piece := response.raw.read1(_PIECE, decode_content=True)):
        if time.monotonic() > deadline:
            raise TimeoutError("the answer is too slow")
        body += piece[max(0, skip - seen) :]
        seen += len(piece)
    return Answer(response.status_code, response.headers, bytes(body[:keep]), len(body) > keep)


def _reason(error: BaseException, access: ServerAccess) -> str:
    """Why there was no answer. The text of the error is not used: it can hold URLs and headers."""
    found = list(causes(error))
    via_proxy = any(isinstance(cause, ProxyError) for cause in found)
    peer, setting = ("the proxy", "proxy") if via_proxy else ("Jenkins", "url")
    without_tls = f"write http:// in `{setting}`, or its port for https"
    return (
        tls_fault(error, peer, without_tls=without_tls)
        or next(
            (
                why.format(peer=peer, setting=setting)
                for kind, why in _REASONS
                if any(isinstance(cause, kind) for cause in found)
            ),
            "",
        )
        or (
            "the file of `ca_file` cannot be used"
            if access.ca_file and any(type(cause) is OSError for cause in found)
            else f"the connection to Jenkins failed ({type(error).__name__})"
        )
    )


_REASONS: Final[tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], str], ...]] = (
    (socket.gaierror, "the host name of {peer} cannot be resolved: check `{setting}` and DNS"),
    (ConnectionRefusedError, "{peer} refuses connections: check that it runs, and `{setting}`"),
    (ProxyError, "the proxy rejected the request: check `proxy`"),
    ((requests.Timeout, TimeoutError, jenkins.TimeoutException), "Jenkins did not answer in time"),
    (
        (ConnectionResetError, BrokenPipeError, RemoteDisconnected),
        "Jenkins closed the connection, with no answer",
    ),
)
