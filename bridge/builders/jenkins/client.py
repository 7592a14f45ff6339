"""HTTP to one Jenkins server, from asyncio.

What an answer means is decided here and by the caller, because the exceptions of python-jenkins cannot tell
a restarting server from a missing build, and quote whole HTML pages. Paths are relative to the server's root
and already percent-encoded.
"""

from typing import TYPE_CHECKING, Any, Final, TypeVar

import anyio
import anyio.to_thread
from pydantic import BaseModel, ValidationError

from bridge.builders.jenkins.answer import Answer, describe
from bridge.builders.jenkins.model import JenkinsCrumb
from bridge.builders.jenkins.request import Body, Request, ServerAccess, Window
from bridge.errors import Denied, NotSent, Permanent, RemoteError, Transient, Unanswered
from bridge.runtime.clock import Clock
from bridge.runtime.web_page import is_web_page

if TYPE_CHECKING:
    from bridge.builders.jenkins.exchange import Exchanges

MAX_JSON: Final = 32 << 20

Shape = TypeVar("Shape", bound=BaseModel)


class JenkinsServer:
    """One Jenkins server: `session` identifies its present run, known to us `since` (Unix seconds)."""

    def __init__(self, access: ServerAccess, clock: Clock) -> None:
        self._access = access
        self._clock = clock
        self._limiter: anyio.CapacityLimiter | None = None
        self._exchanges: Exchanges | None = None
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
        exchanges = self._exchanges or await self._open()
        try:
            with anyio.fail_after(self._access.timeout):
                answer = await anyio.to_thread.run_sync(
                    exchanges.make,
                    Request(method, path, body, window, crumb, self.session),
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

    async def _open(self) -> "Exchanges":
        exchanges = await anyio.to_thread.run_sync(_load_exchanges)
        if self._exchanges is None:  # another call may have been as far
            self._exchanges = exchanges(self._access, self._crumb_of)
        return self._exchanges

    def _crumb_of(self, answer: Answer) -> dict[str, Any]:
        return self.document(answer, JenkinsCrumb).model_dump(by_alias=True)

    def close(self) -> None:
        """Close the idle connections; those in use close when their exchange ends."""
        if self._exchanges is not None:
            self._exchanges.close()


def _load_exchanges() -> "type[Exchanges]":
    from bridge.builders.jenkins.exchange import Exchanges  # noqa: PLC0415  # see there

    return Exchanges
