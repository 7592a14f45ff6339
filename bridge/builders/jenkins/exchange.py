"""Exchanges with a Jenkins server through python-jenkins, which block: they run in threads.

python-jenkins keeps the login and the session. It is loaded with the first exchange, as it takes three
megabytes.

Source: "Python Jenkins", https://python-jenkins.readthedocs.io/
"""

import queue
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPException, RemoteDisconnected
from typing import Any, Final
from urllib.parse import urlsplit

import jenkins
import requests
import urllib3
from requests.exceptions import ProxyError

from bridge.builders.jenkins.answer import Answer
from bridge.builders.jenkins.request import Body, Request, ServerAccess, Window
from bridge.errors import NotSent, Unanswered
from bridge.runtime import tracing
from bridge.runtime.tls import causes, speaks_tls, tls_fault

_MAX_ERROR_PAGE: Final = 64 << 10
_PIECE: Final = 64 << 10
_TLS_PROBE: Final = 3.0
_CRUMB: Final = "crumbIssuer/api/json"


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
        with tracing.calling(req.method, req.url) as call:
            answer: requests.Response = self._session.send(prepared, **settings)
            call.answered(answer.status_code)
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


class Exchanges:
    """Those with one server, as many at a time as `access.concurrency` allows.

    `read_crumb` makes what python-jenkins adds to a request of the answer that holds the crumb.
    """

    def __init__(self, access: ServerAccess, read_crumb: Callable[[Answer], dict[str, Any]]) -> None:
        self._access = access
        self._read_crumb = read_crumb
        self._clients: queue.LifoQueue[_Client | None] = queue.LifoQueue()
        for _ in range(access.concurrency):
            self._clients.put(None)
        self._closed = False

    def make(self, request: Request) -> Answer:
        """The answer, whatever its status. Raises NotSent or Unanswered."""
        body = request.body
        deadline = time.monotonic() + self._access.timeout * 0.95
        answer, why = None, ""
        try:
            with self._client(deadline) as client:
                answer = self._answer(client, request, deadline)
        except _CONNECTION_ERRORS as error:
            why = _reason(error, self._access)
        # Outside the handler, so that the new error has no context that holds URLs or headers.
        if (answer is None or answer.status == 400) and self._wants_tls(request, deadline):  # noqa: PLR2004  # HTTP
            raise NotSent("this port of Jenkins speaks TLS: write https:// in `url`")
        if answer is None:
            raise NotSent(why) if body and body.withdraw() else Unanswered(why)
        return answer

    def _answer(self, client: _Client, request: Request, deadline: float) -> Answer:
        """The answer; where a crumb is needed, one to a crumb that has just been fetched, or still holds."""
        fresh = request.crumb and self._get_crumb(client, request, deadline)
        with client.ask(request.method, request.path, request.body, crumb=request.crumb) as response:
            answer = _answer(response, request.window, deadline)
        if fresh or not (request.crumb and answer.asks_for_crumb):
            return answer
        # Jenkins did nothing: the session of the crumb was over.
        client.forget_session()
        if request.body:
            request.body.rewind()
        return self._answer(client, request, deadline)

    def _get_crumb(self, client: _Client, request: Request, deadline: float) -> bool:
        """See to it that the client has a crumb of this run of Jenkins; True where it had none."""
        if client.crumb is not None and client.run == request.session:
            return False
        client.forget_session()
        with client.ask("GET", _CRUMB, None, crumb=False) as response:
            answer = _answer(response, lambda _headers: (0, _MAX_ERROR_PAGE), deadline)
        client.run = answer.headers.get("X-Jenkins-Session", request.session)
        # There is no such page where no request needs a crumb.
        missing = answer.status == 404  # noqa: PLR2004  # an HTTP status
        client.crumb = not missing and self._read_crumb(answer)
        return True

    def _wants_tls(self, request: Request, deadline: float) -> bool:
        """Whether a TLS server listens where plain HTTP had no success yet."""
        url = urlsplit(self._access.url)
        seconds = min(_TLS_PROBE, deadline - time.monotonic())
        if url.scheme != "http" or self._access.proxy or request.session or seconds <= 0:
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
