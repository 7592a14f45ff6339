"""Makes, repairs and verifies the webhook of one source in repositories of its host, by the host's API.

Ours is the webhook with our address, or with an older one whose path is that of the source. No other is
touched.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import quote, urlencode, urlsplit

import anyio
import orjson

from bridge.config.forge_api import ForgeApiSettings
from bridge.errors import Denied, Permanent, RemoteError, Transient
from bridge.forges.fields import Fields
from bridge.forges.webhooks import Difference, Hook, LastAnswer, Wanted, Webhooks
from bridge.runtime.http_client import AnswerLost, ReachPolicy, Reply, call_json, is_public
from bridge.runtime.redaction import Redactor

_MOST_PAGES: Final = 20
_LONGEST_WAIT: Final = 60.0
"""The seconds of a pause that is waited for; a longer one ends the work."""
_ATTEMPTS: Final = 3
_MOST_READ: Final = 4000
_MOST_SAID: Final = 200
_LOOK_UP: Final = 5.0
_DONE: Final = range(200, 300)
_MOVED: Final = range(300, 400)
_INVALID: Final = frozenset({400, 409, 422})


class Step(StrEnum):
    """What is to be done in a repository."""

    CREATE = "create"
    REPAIR = "repair"
    KEEP = "keep"
    CANNOT = "cannot"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be done in one repository; `why` is for what cannot be, `hook` is the one that is there."""

    repository: str
    step: Step
    differences: Sequence[Difference] = ()
    hook: Hook | None = None
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """How the webhook of a repository is: `problem` is a sentence, "" where nothing is wrong.

    `differences` are what a repair would change. `answer` is what the host got for its last delivery; None
    where it has none, or does not say.
    """

    repository: str
    problem: str = ""
    differences: Sequence[Difference] = ()
    answer: LastAnswer | None = None


class WebhookSetup:
    """The webhooks of one source; `public_url` is where hosts reach us, and `api` a `completed` setting.

    After an answer that holds for every repository, such as a token that is not accepted, no further one is
    asked for.
    """

    def __init__(
        self, webhooks: Webhooks, api: ForgeApiSettings, source: str, secret: str, public_url: str
    ) -> None:
        self._webhooks = webhooks
        self._source = source
        self._base = api.url or ""
        proxy = api.proxy.reveal() if api.proxy else None
        self._reach = ReachPolicy(allow_private=api.allow_private, proxy=proxy, ca_file=api.ca_file)
        token = api.token.reveal()
        self._headers = webhooks.headers(token, api.username)
        self._redactor = Redactor([token, secret, *([proxy] if proxy else [])])
        self._path = f"/hooks/{source}"
        self._wanted = Wanted(
            address=f"{public_url}{self._path}", secret=secret, by_tls=public_url.startswith("https:")
        )
        self._failure: RemoteError | None = None
        self._is_checked = False

    @property
    def address(self) -> str:
        """The address of the webhooks."""
        return self._wanted.address

    async def plan(self, repository: str, *, renew: bool = False) -> Plan:
        """What is to be done; with `renew` the secret is set again in any case. Raises nothing."""
        if why := self._webhooks.unfit(self._wanted.secret):
            return Plan(repository=repository, step=Step.CANNOT, why=why)
        try:
            hook = await self._ours(repository)
        except RemoteError as error:
            return Plan(repository=repository, step=Step.CANNOT, why=str(error))
        if hook is None:
            return Plan(repository=repository, step=Step.CREATE)
        found = self._differences(hook)
        if renew and not self._webhooks.changes_secret:
            why = f"{self._webhooks.peer} keeps the secret: delete the webhook at the host, run this again"
            return Plan(repository=repository, step=Step.CANNOT, hook=hook, why=why)
        if renew and all(one.what != "secret" for one in found):
            found.append(Difference("secret"))
        if not found and hook.stopped:
            return Plan(repository=repository, step=Step.CANNOT, hook=hook, why=hook.stopped)
        step = Step.REPAIR if found else Step.KEEP
        return Plan(repository=repository, step=step, differences=found, hook=hook)

    async def carry_out(self, plan: Plan) -> str:
        """Do it, and say what the host answered. Raises RemoteError."""
        path, method = self._webhooks.path(plan.repository), "POST"
        if plan.hook is not None:
            path, method = f"{path}/{_quoted(plan.hook.id)}", self._webhooks.updates_by
        reply = await self._call(method, path, self._webhooks.document(self._wanted, plan.hook))
        made = self._webhooks.hook(reply.data)
        if made is None:
            raise Transient(f"{self._webhooks.peer} answered {reply.status}, and not what its API says")
        said = f"{self._webhooks.peer} answered {reply.status}: webhook {made.id}"
        return f"{said}; {made.stopped}" if made.stopped else said

    async def verify(self, repository: str) -> Found:
        """Whether the webhook is there, sends, and was answered well. Raises nothing."""
        try:
            hook = await self._ours(repository)
            if hook is None:
                problem = (
                    f"there is no webhook with this address: `buildbridge connect {self._source}` makes it"
                )
                return Found(repository=repository, problem=problem)
            answer = hook.answer or await self._last_answer(repository, hook)
        except RemoteError as error:
            return Found(repository=repository, problem=str(error))
        problem = hook.stopped
        found = self._differences(hook)
        if found:
            problem = f"the webhook is not as it has to be: `buildbridge connect {self._source}` repairs it"
        elif answer is not None and not answer.good and not problem:
            words = self._said(answer.words)
            status = answer.status if answer.status is not None else "nothing"
            problem = f"the last delivery was answered with {status}{f': {words}' if words else ''}"
        return Found(repository=repository, problem=problem, differences=found, answer=answer)

    async def _last_answer(self, repository: str, hook: Hook) -> LastAnswer | None:
        """The one that is kept elsewhere; None also where older releases do not show it."""
        path = self._webhooks.answers_path(repository, hook)
        if path is None:
            return None
        try:
            return self._webhooks.last_answer((await self._call("GET", path)).data)
        except RemoteError:
            return None

    def _differences(self, hook: Hook) -> list[Difference]:
        moved = [] if hook.address == self.address else [Difference("address", _without_query(hook.address))]
        return moved + self._webhooks.differences(hook, self._wanted)

    async def _ours(self, repository: str) -> Hook | None:
        """Our webhook among those of the repository. Raises RemoteError, also where it is not clear which."""
        hooks = await self._hooks(repository)
        exact = [hook for hook in hooks if hook.address == self.address]
        found = exact or [hook for hook in hooks if _path(hook.address) == self._path]
        if len(found) > 1:
            listed = ", ".join(hook.id for hook in found)
            raise Permanent(
                f"{len(found)} webhooks lead to {self._path} ({listed}): delete all but one at the host"
            )
        return found[0] if found else None

    async def _hooks(self, repository: str) -> list[Hook]:
        found: dict[str, Hook] = {}
        path = self._webhooks.path(repository)
        for page in range(1, _MOST_PAGES + 1):
            reply = await self._call("GET", f"{path}?{urlencode(self._webhooks.query(page))}")
            entries = self._webhooks.entries(reply.data)
            if entries is None:
                raise Permanent(f"{self._webhooks.peer} answered {reply.status}, and not what its API says")
            hooks = [hook for entry in entries if (hook := self._webhooks.hook(entry))]
            # A host may have smaller pages than it was asked for, and one without pages repeats the first.
            fresh = {hook.id: hook for hook in hooks if hook.id not in found}
            if not fresh:
                return list(found.values())
            found |= fresh
        raise Permanent(f"the list of webhooks has more than {_MOST_PAGES} pages")

    async def _call(self, method: str, path: str, document: Mapping[str, object] | None = None) -> Reply:
        """A good answer. Raises RemoteError."""
        if self._failure is not None:
            raise self._failure
        body = None if document is None else orjson.dumps(document)
        try:
            if not self._is_checked:
                await self._check_way()
                self._is_checked = True
            reply = await self._answered(method, f"{self._base}/{path}", body)
        except AnswerLost as error:
            done = "" if method == "GET" else ": it may have been carried out, run this again to see"
            raise AnswerLost(f"{error}{done}") from None
        except RemoteError as error:
            self._failure = error
            raise
        if reply.status in _DONE and not reply.page:
            return reply
        refusal = self._refusal(reply)
        if isinstance(refusal, Denied) or reply.page:
            self._failure = refusal
        raise refusal

    async def _answered(self, method: str, url: str, body: bytes | None) -> Reply:
        """The answer, after the pauses that the host asks for. Raises RemoteError."""
        wait: float | None = None
        for attempt in range(1, _ATTEMPTS + 1):
            reply = await call_json(method, url, self._reach, body, self._headers)
            limited = reply.status == 429 or (reply.status == 403 and "rate limit" in reply.text.lower())  # noqa: PLR2004  # HTTP statuses
            if not limited and not (reply.status in {403, 503} and reply.retry_after is not None):
                return reply
            wait = reply.retry_after
            if attempt == _ATTEMPTS or wait is None or wait > _LONGEST_WAIT:
                break
            await anyio.sleep(wait)
        until = "a while" if wait is None else f"{wait:.0f} s"
        raise Transient(f"{self._webhooks.peer} asks for fewer requests: run this again in {until}", wait)

    async def _check_way(self) -> None:
        """Token and secret must not go over plain http to a public address. Raises Permanent."""
        parts = urlsplit(self._base)
        if parts.scheme == "https" or parts.hostname is None:
            return
        try:
            with anyio.fail_after(_LOOK_UP):
                found = await anyio.getaddrinfo(parts.hostname, parts.port or 80)
        except (OSError, UnicodeError, TimeoutError):
            return  # the call says so
        if any(is_public(str(entry[4][0])) for entry in found):
            raise Permanent(
                "everyone on the way to a public address can read the token and the secret: "
                f"write https:// in `sources.{self._source}.api.url`"
            )

    def _refusal(self, reply: Reply) -> RemoteError:
        peer, setting = self._webhooks.peer, f"sources.{self._source}.api"
        if reply.page:
            return Permanent(
                f"the answer is {reply.page}: it does not come from {peer}, check `{setting}.url`"
            )
        message = self._said(_message(reply.data))
        said = f"{peer} answered {reply.status}{f': {message}' if message else ''}"
        match reply.status:
            case 401:
                why = f"{peer} does not accept the token, which is wrong, expired or revoked"
                return Denied(f"{why}: check `{setting}.token`; {said}")
            case 403 | 404:
                why = "there is no such repository, or the token may not manage its webhooks"
                return Permanent(f"{why}: it needs {self._webhooks.needs}; {said}")
            case status if status in _MOVED:
                why = f"the repository has another name now, or `{setting}.url` leads elsewhere"
                return Permanent(f"{why}; {said}")
            case status if status in _INVALID:
                return Permanent(f"{peer} does not take the webhook; {said}")
            case _:
                return Transient(said)

    def _said(self, words: str) -> str:
        """The host's own words in one bounded line, without our secrets."""
        line = " ".join(self._redactor.foreign(words[:_MOST_READ]).split())
        return "".join(letter for letter in line if letter.isprintable())[:_MOST_SAID]


def _message(data: object) -> str:
    """What a host says of an error, wherever it says it."""
    fields = Fields(data)
    parts = [
        fields.text("message", "error", "error_description")
        or fields.part("error", "message").text("message")
    ]
    parts += [one.text("message") for one in fields.parts("errors") or []]
    parts += fields.texts("errors") or []
    return "; ".join(filter(None, parts))


def _path(address: str) -> str:
    try:
        return urlsplit(address).path.rstrip("/")
    except ValueError:
        return ""


def _without_query(address: str) -> str:
    """The address without what may be a secret in it."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _quoted(id: str) -> str:  # noqa: A002  # the field's name
    return quote(id, safe="")
