"""How each build is, as a status of its commit at the Git host.

Source: GitHub, "REST API endpoints for commit statuses" (https://docs.github.com/rest/commits/statuses).
Source: GitLab, "Commits API" (https://docs.gitlab.com/api/commits).
Source: Gitee, "Pull Request access control check" (https://help.gitee.com/base/pullrequest/ci-check).
Source: Gitea, "API usage" (https://docs.gitea.com/development/api-usage).
Source: Bitbucket Cloud, "Commit statuses"
(https://developer.atlassian.com/cloud/bitbucket/rest/api-group-commit-statuses).
Source: Bitbucket Data Center, "Updating build status for commits"
(https://developer.atlassian.com/server/bitbucket/how-tos/updating-build-status-for-commits).
"""

import base64
import re
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Annotated, ClassVar, Final, Literal, Self

import httpx
import orjson
from pydantic import Field, model_validator

from bridge.channels.adapters.commit_status.bitbucket import Bitbucket, BitbucketServer
from bridge.channels.adapters.commit_status.chinese import CHINESE
from bridge.channels.adapters.commit_status.dialect import Dialect, Report, State
from bridge.channels.adapters.commit_status.gitea import Forgejo, Gitea
from bridge.channels.adapters.commit_status.gitee import Gitee
from bridge.channels.adapters.commit_status.github import GitHub
from bridge.channels.adapters.commit_status.gitlab import GitLab
from bridge.channels.adapters.commit_status.names import name_of
from bridge.channels.base import (
    Channel,
    ChannelContext,
    Dead,
    Ok,
    Outcome,
    RateLimited,
    Retry,
    Suppressed,
    Unknown,
)
from bridge.channels.build_text import took
from bridge.channels.hook import PAUSE, ReachSettings, answered, unread
from bridge.channels.text import plain, web_link
from bridge.channels.words import status_of
from bridge.config.notices import Events
from bridge.config.types import PublicAddress, Secret, Shape, wrong
from bridge.model.notice import BuildFacts, EventName, Notice, ServiceFacts
from bridge.runtime.http_client import ReachPolicy, Reply

DIALECTS: Final[Mapping[str, Dialect]] = {
    "GitHub": GitHub(),
    "GitLab": GitLab(),
    "Gitee": Gitee(),
    "Gitea": Gitea(),
    "Forgejo": Forgejo(),
    "Bitbucket": Bitbucket(),
    "BitbucketServer": BitbucketServer(),
}
_STATES: Final[Mapping[EventName, State]] = {
    EventName.QUEUED: "pending",
    EventName.START: "running",
    EventName.SUCCESS: "success",
    EventName.FIXED: "success",
    EventName.FAIL: "failure",
    EventName.STOP: "cancelled",
}
_EXPLAINED: Final = frozenset({EventName.FAIL, EventName.STOP})
_COMMIT: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_NO_COMMIT: Final = re.compile(r"\bcommit(?: [0-9a-f]{7,64})? not found|object does not exist")
_TAKEN: Final = range(200, 300)
_EMPTY: Final = 204
_REFUSALS: Final = frozenset({400, 403, 404, 422})
_MAX_SAID: Final = 1000
_NO_ADDRESS: Final = "https://example.com/"
"""In place of one that is missing, which is a fault of its own."""
_NOWHERE: Final = Report(
    repository="buildbridge/none",
    sha="0" * 40,
    ref="main",
    state="pending",
    name="buildbridge/test",
    description="",
    page=None,
    home="https://example.com/",
)
"""What a test reports about: it proves the token, and no host has it."""


class CommitStatusSettings(ReachSettings):
    """Where the code is, and who may report on its commits."""

    states: ClassVar[Events] = (
        EventName.QUEUED,
        EventName.START,
        EventName.SUCCESS,
        EventName.FAIL,
        EventName.STOP,
    )
    shows_words = False

    host: Literal["GitHub", "GitLab", "Gitee", "Gitea", "Forgejo", "Bitbucket", "BitbucketServer"]
    """The kind of Git host; builds of code at other kinds are left out."""
    url: PublicAddress | None = None
    """The address of the host or of its API; if left out, that of the public service."""
    token: Secret
    """What may set commit statuses."""
    username: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    """For tokens of Bitbucket that go with a user name or a mail address."""
    context: Annotated[
        str, Shape(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,59}", "has letters, digits and . _ / -, at most 60")
    ] = "buildbridge"
    """What the names of the statuses begin with."""

    @model_validator(mode="after")
    def _of_the_host(self) -> Self:
        dialect = DIALECTS[self.host]
        if self.url is None and dialect.public is None:
            raise wrong("url", f"{self.host} is at an address of your own: set url to it")
        if self.username is not None and not dialect.takes_username:
            raise wrong("username", f"{self.host} takes no username: leave it out")
        return self

    @property
    def where(self) -> str:
        return self.url or DIALECTS[self.host].public or _NO_ADDRESS

    @property
    def base(self) -> str:
        """The address of the API, without a slash at its end."""
        dialect = DIALECTS[self.host]
        if self.url is None or (dialect.public and httpx.URL(self.url).host == dialect.site):
            return str(dialect.public)
        address = self.url.rstrip("/")
        is_api = address == dialect.public or address.endswith(dialect.api)
        return address if is_api else address + dialect.api


class CommitStatus(Channel):
    """Each state of a build is a request of its own: they stay in order, and the last one stays."""

    kind = "COMMIT_STATUS"
    chinese = CHINESE
    silenced_by = "its-own"
    Settings = CommitStatusSettings

    def __init__(self, name: str, settings: CommitStatusSettings, context: ChannelContext) -> None:
        self.name = name
        self._context = context
        self._dialect = DIALECTS[settings.host]
        self._base = settings.base
        self._prefix = settings.context
        token, username = settings.token.reveal(), settings.username
        proxy = settings.proxy.reveal() if settings.proxy else None
        self._headers = self._dialect.headers(token, username)
        self._reach = ReachPolicy(allow_private=settings.allow_private, proxy=proxy, ca_file=settings.ca_file)
        pair = base64.b64encode(f"{username}:{token}".encode()).decode()
        self._hidden = re.compile("|".join(re.escape(text) for text in (token, pair, proxy) if text))
        self._has_reported = False

    @classmethod
    def target(cls, settings: CommitStatusSettings) -> str:
        """The host and the token: under how many names they are configured does not matter to the vendor."""
        key = sha256(settings.token.reveal().encode()).hexdigest()[:16]
        return f"{httpx.URL(settings.base).host} {key}"

    async def send(self, notice: Notice) -> Outcome:
        """A test reports on a commit that no host has: a host that says so has accepted the token."""
        if isinstance(notice.facts, ServiceFacts) and notice.facts.is_test:
            reply = await self._ask(_NOWHERE)
            if isinstance(reply, Reply) and reply.status in _REFUSALS and isinstance(reply.data, dict):
                outcome = self._read(reply)
                return outcome if isinstance(outcome, RateLimited) else Ok()
            return self._read(reply) if isinstance(reply, Reply) else reply
        report = self.report(notice)
        if isinstance(report, Suppressed):
            return report
        reply = await self._ask(report)
        return self._read(reply) if isinstance(reply, Reply) else reply

    def preview(self, notice: Notice) -> str:
        """The document of the request, behind its address at the host."""
        report = self.report(notice)
        if isinstance(report, Suppressed):
            return f"nothing: {report.why}"
        document = orjson.dumps(self._dialect.document(report), option=orjson.OPT_INDENT_2)
        return f"POST /{self._dialect.path(report)}\n{document.decode()}"

    def report(self, notice: Notice) -> Report | Suppressed:
        """What is reported of a build, or why nothing is."""
        facts, state = notice.facts, _STATES.get(notice.event)
        if not isinstance(facts, BuildFacts) or state is None:
            return Suppressed("a commit shows how its builds are, and nothing else")
        path = facts.code_path or ""
        if not facts.code_host or not path or ".." in path.split("/"):
            return Suppressed("the rule does not name the repository, or an earlier release made this notice")
        if facts.code_host.lower() not in self._dialect.kinds:
            other = plain(facts.code_host, 40)
            return Suppressed(f"the code is at {other}, and this channel reports to {self._dialect.peer}")
        if not _COMMIT.fullmatch(facts.sha):
            return Suppressed("the commit is not known: the host did not say what its tag points to")
        home = web_link(facts.commit_url) or str(httpx.URL(self._base).copy_with(raw_path=b"/"))
        return Report(
            repository=path,
            sha=facts.sha,
            ref=facts.ref_name,
            state="error" if state == "failure" and facts.state == "unknown" else state,
            name=name_of(facts, self._prefix),
            description=self._description(notice.event, facts),
            page=web_link(self._context.speech.page(facts)),
            home=home,
        )

    def _description(self, event: EventName, facts: BuildFacts) -> str:
        """`#128 Build failed · took 3m12s · Reason: …`, in the language of the channel."""
        speech = self._context.speech
        words = speech.words
        parts = [f"{facts.label} {words.statuses[status_of(event, facts)].phrase}", took(facts, words)]
        if event in _EXPLAINED and facts.detail and facts.detail.strip():
            parts.append(words.detail.format(speech.reason(facts.detail)))
        return plain(" · ".join(filter(None, parts)), self._dialect.longest)

    async def _ask(self, report: Report) -> Reply | Outcome:
        known: object = None
        if path := self._dialect.known(report):
            reply = await answered("GET", f"{self._base}/{path}", None, self._reach, self._headers)
            if not isinstance(reply, Reply) or reply.status not in _TAKEN or reply.page:
                return reply
            if reply.data is None:
                return self._foreign(reply)
            known = reply.data
        call = self._dialect.call(report, known)
        if call is None:
            return Ok(f"{self._dialect.peer} has this state already")
        method, path = call
        body = orjson.dumps(self._dialect.document(report))
        return await answered(method, f"{self._base}/{path}", body, self._reach, self._headers)

    def _read(self, reply: Reply) -> Outcome:
        peer = self._dialect.peer
        message = plain(self._hidden.sub("***", _message(reply.data)[:_MAX_SAID]), 200)
        if reply.status in _TAKEN and not reply.sign_in:
            if reply.page or (reply.data is None and reply.status != _EMPTY):
                return self._foreign(reply)
            self._has_reported = True
            return Ok()
        if self._dialect.repeated and self._dialect.repeated in message.lower():
            return Ok(f"{peer} keeps the state that it has: {message}")
        said = f"{peer} answered {reply.status}{f': {message}' if message else ''}"
        return self._refusal(reply, said, message.lower())

    def _foreign(self, reply: Reply) -> Unknown:
        what = reply.page or "not JSON"
        return Unknown(f"the answer is {what}: it does not come from {self._dialect.peer}, check the url")

    def _refusal(self, reply: Reply, said: str, words: str) -> Outcome:
        peer = self._dialect.peer
        match reply.status:
            case 401:
                why = f"{peer} does not accept the token, which is wrong, expired or revoked ({said})"
                return Dead("config", why)
            case 403 if "rate limit" in words or reply.retry_after is not None:
                return RateLimited(said, reply.retry_after or PAUSE)
            case 404 | 500 if _NO_COMMIT.search(words):
                return Dead("content", said)
            case 400 | 422 if words:
                return Dead("content", said)
            case 403 | 404 if not reply.sign_in:
                why = f"{said}; there is no such repository, or the token may not report to it: it needs "
                why += f"{self._dialect.needs}; or the url is not that of the API"
                # Once it works, one repository that it may not report on stops no other.
                return Retry(why, of_notice=True) if self._has_reported else Dead("config", why)
            case _:
                return unread(reply, peer)


def _message(data: object) -> str:
    """What a host says of an error, wherever it says it."""
    return "; ".join(_messages(data)) if isinstance(data, dict) else ""


def _messages(data: object, depth: int = 4) -> Iterator[str]:
    if isinstance(data, str):
        yield data
    elif isinstance(data, list) and depth:
        for part in data[:3]:
            yield from _messages(part, depth - 1)
    elif isinstance(data, dict) and depth:
        for key in ("message", "error", "errors"):
            yield from _messages(data.get(key), depth - 1)
