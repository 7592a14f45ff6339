"""What may stand in the queries and bodies of our own API."""

import math
import re
from datetime import UTC, datetime
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from bridge.config.sign_in import MAX_USER
from bridge.config.types import Strict, wrong
from bridge.model.audit import Action
from bridge.model.build import BuildState, Letter
from bridge.model.delivery import COMMIT, DeliveryState, id_after
from bridge.model.notice import BuildEvent, EventName, NoticeState
from bridge.store.values import BuildFilter, Cursor, DeliveryFilter, MessageFilter, NoticeFilter
from bridge.web.api.core.errors import Invalid
from bridge.web.api.operation import Arguments

MAX_PAGE: Final = 500
"""The highest page number; pages beyond it are reached by the links."""
MAX_CURSOR: Final = 100
MAX_PATH: Final = 300
MAX_NAMED: Final = 1100
"""Of what a Git host names: a ref has 1024 bytes at most."""
MAX_NUMBER: Final = 1e12
MAX_RUN: Final = (1 << 31) - 1
MAX_SEQ: Final = (1 << 53) - 1
"""Greater numbers are no whole ones in JSON."""
_NUMBER: Final = re.compile(r"-?[0-9]{1,13}(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?")
_BUILD_NUMBER: Final = re.compile(r"[0-9]{1,10}")
_SESSION_PLACE: Final = re.compile(r"[0-9]{1,12}(\.[0-9]{1,9})?-[0-9a-z]{1,64}")


def _page_number(text: object) -> object:
    if not isinstance(text, str):
        return text
    if not (text.isascii() and text.isdigit()) or not text.strip("0"):
        raise wrong("page", f"{text[:20]} is not the number of a page: pages count from 1")
    if len(text) > len(str(MAX_PAGE)) or int(text) > MAX_PAGE:
        raise wrong("page", f"{text[:20]} is over {MAX_PAGE}: follow the `next` links beyond")
    return int(text)


def _seconds(text: object) -> object:
    if not isinstance(text, str):
        return text
    number = float(text) if _NUMBER.fullmatch(text) else math.inf
    if abs(number) > MAX_NUMBER:
        raise wrong("number", f"{text[:20]} is not a usable number: write digits, such as 1700000000")
    return number


def _cursor_id(text: object) -> object:
    if isinstance(text, str) and len(text) > MAX_CURSOR:
        raise wrong("cursor", "is not the id of a row: use the links of a page")
    return text


def _session_place(text: object) -> object:
    if isinstance(text, str) and not _SESSION_PLACE.fullmatch(text):
        raise wrong("cursor", "is not the id of a row: use the links of a page")
    return text


def _commit(text: str) -> str:
    if not COMMIT.fullmatch(text):
        raise wrong(
            "sha", f"{text[:20]} is no commit: give at least the first 7 hexadecimal digits of its id"
        )
    return text.lower()


def _moment(text: object) -> object:
    """Unix seconds of ISO 8601, in UTC where that names no zone."""
    if not isinstance(text, str):
        return text
    try:
        # In a query a plus sign stands for a space.
        moment = datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise wrong("until", f"{text[:40]} is no time: write it as 2026-11-21T08:00:00Z") from None


PageNumber = Annotated[int, Field(ge=1, le=MAX_PAGE), BeforeValidator(_page_number)]
Seconds = Annotated[float, Field(ge=-MAX_NUMBER, le=MAX_NUMBER), BeforeValidator(_seconds)]
PathCursor = Annotated[str, Field(max_length=MAX_PATH)]
RowNumber = Annotated[int, Field(ge=0, le=MAX_SEQ)]
CursorId = Annotated[str, BeforeValidator(_cursor_id)]
SessionPlace = Annotated[str, BeforeValidator(_session_place)]
Named = Annotated[str, Field(max_length=MAX_NAMED)]
Commit = Annotated[str, AfterValidator(_commit)]
Moment = Annotated[float, BeforeValidator(_moment, json_schema_input_type=str)]


class _Numbered(Arguments):
    page: PageNumber = 1
    """The page, 20 rows each; `next` and `previous` of a page are better: rows that come move no page."""


class PageQuery(_Numbered):
    """Where a page of a list lies."""

    before: CursorId | None = None
    """The id of a row: the page holds older ones."""
    after: CursorId | None = None
    """The id of a row: the page holds newer ones."""

    @property
    def cursor(self) -> Cursor:
        return Cursor(number=self.page, before=self.before, after=self.after)


class SessionQuery(_Numbered):
    """Where a page of the sessions lies, whose ids say nothing of their order."""

    before: SessionPlace | None = None
    """The `place` of a session: the page holds older ones."""
    after: SessionPlace | None = None
    """The `place` of a session: the page holds newer ones."""

    @property
    def cursor(self) -> Cursor:
        return Cursor(number=self.page, before=self.before, after=self.after)


class AuditQuery(PageQuery):
    """Which changes to list, and where the page lies."""

    name: Annotated[str, Field(max_length=MAX_USER)] | None = None
    """Changes by the token or the user of this name."""
    action: Action | None = None
    """Changes of this kind."""


class BuildQuery(PageQuery):
    """Which builds to list, and where the page lies."""

    build_id: str | None = None
    """The id of a build, or, with namespace and repo_name, its number."""
    delivery_id: str | None = None
    """Builds that this delivery made."""
    namespace: str | None = None
    """Builds of this namespace."""
    repo_name: str | None = None
    """Builds of repositories of this name."""
    state: BuildState | None = None
    """Builds in this state."""
    status: Letter | None = None
    """Builds with this letter: W waits, I runs, S succeeded, F ended otherwise."""

    @property
    def filter(self) -> BuildFilter:
        """What this asks for. Raises Invalid for a number without its repository."""
        build_id, number = self.build_id, None
        if build_id is not None and _BUILD_NUMBER.fullmatch(build_id):
            if self.namespace is None or self.repo_name is None:
                raise Invalid(
                    [f"build_id: {build_id} is the number of a build: give namespace and repo_name"]
                )
            number, build_id = int(build_id), None
        states = None if self.status is None else [one for one in BuildState if one.letter == self.status]
        if self.state is not None:
            states = [self.state] if states is None or self.state in states else []
        return BuildFilter(
            build_id=build_id,
            delivery_id=self.delivery_id,
            namespace=self.namespace,
            repo_name=self.repo_name,
            number=number,
            states=states,
        )


class _Of(Arguments):
    namespace: str | None = None
    """What concerns this namespace."""
    repo_name: str | None = None
    """What concerns the repository of this name; give the namespace, too."""

    def check_scope(self) -> None:
        """Raises Invalid for a repo_name alone."""
        if self.repo_name is not None and self.namespace is None:
            raise Invalid(["repo_name: one name may be in many namespaces: give namespace, too"])


class DeliveryQuery(PageQuery, _Of):
    """Which deliveries to list, and where the page lies; one concerns the namespaces in which it built."""

    state: DeliveryState | None = None
    """Deliveries in this state."""
    source: str | None = None
    """Deliveries of this source, as bridge.yaml names it; only for all namespaces at once."""
    repo: Named | None = None
    """Deliveries of this code repository, as its host names it; only for all namespaces at once."""
    ref: Named | None = None
    """Deliveries that moved this branch or tag; only for all namespaces at once."""
    sha: Commit | None = None
    """Deliveries of this commit: its id or its first 7 digits; only for all namespaces at once."""
    until: Moment | None = None
    """The list begins with what was received until this time (ISO 8601)."""

    @property
    def cursor(self) -> Cursor:
        """Where the page lies; `until` says so only where no row does. Raises Invalid for its other pages."""
        if self.until is None or self.before is not None or self.after is not None:
            return super().cursor
        if self.page > 1:
            raise Invalid(["page: a list until a time has its other pages behind `next`: leave out page"])
        return Cursor(before=id_after(self.until))

    @property
    def filter(self) -> DeliveryFilter:
        """What this asks for. Raises Invalid."""
        self.check_scope()
        return DeliveryFilter(
            namespace=self.namespace,
            repo_name=self.repo_name,
            state=self.state,
            source=self.source,
            repo=self.repo,
            ref=self.ref,
            sha=self.sha,
        )


class NoticeQuery(PageQuery, _Of):
    """Which notices to list, and where the page lies; one about a build concerns its namespace."""

    build_id: str | None = None
    """Notices about this build."""
    channel: str | None = None
    """Notices to this channel."""
    state: NoticeState | None = None
    """Notices in this state."""

    @property
    def filter(self) -> NoticeFilter:
        """What this asks for. Raises Invalid."""
        self.check_scope()
        return NoticeFilter(
            namespace=self.namespace,
            repo_name=self.repo_name,
            build_id=self.build_id,
            channel=self.channel,
            state=self.state,
        )


class MessageQuery(_Numbered, _Of):
    """Which in-app messages to list, and where the page lies; their ids grow with each."""

    before: RowNumber | None = None
    """The id of a message: the page holds older ones."""
    after: RowNumber | None = None
    """The id of a message: the page holds newer ones."""
    event: EventName | None = None
    """Messages about this event."""

    @property
    def cursor(self) -> Cursor:
        return Cursor(number=self.page, before=self.before, after=self.after)

    @property
    def filter(self) -> MessageFilter:
        """What this asks for. Raises Invalid."""
        self.check_scope()
        return MessageFilter(namespace=self.namespace, repo_name=self.repo_name, event=self.event)


class LogQuery(Arguments):
    """Which part of a log."""

    start_time: Seconds = 0.0
    """Unix seconds: what was read at this time or later."""
    end_time: Seconds = MAX_NUMBER
    """Unix seconds: what was read at this time or earlier."""
    after: Seconds = -1
    """What comes after the row with this `seq`."""
    run: Annotated[int, Field(ge=1, le=MAX_RUN)] | None = None
    """The run of the build; if left out, the newest one."""


class EventQuery(Arguments):
    """Which events to stream."""

    after: RowNumber | None = None
    """The `seq` of an event: the stream begins behind it; if left out, with what happens from now on."""
    ping: bool = False
    """Whether a quiet stream sends events `ping`: browsers show no comments to scripts."""


class PreviewQuery(Arguments):
    """What to show of a build."""

    event: BuildEvent | None = None
    """As if this happened; if left out, the newest that did."""
    language: Literal["zh-CN", "en"] | None = None
    """In place of each channel's own."""


class RepositoryQuery(Arguments):
    """Which repositories to list, and where the page lies."""

    page: PageNumber = 1
    """The page, 20 repositories each."""
    after: PathCursor | None = None
    """namespace/repo_name: the page holds what comes after it."""
    before: PathCursor | None = None
    """namespace/repo_name: the page holds what comes before it."""
    namespace: str | None = None
    """Repositories of this namespace."""
    text: Annotated[str, Field(max_length=MAX_PATH)] | None = None
    """Repositories with this in their name or description, whatever the case."""


Name = Annotated[str, Field(min_length=1, max_length=MAX_PATH)]
CommitId = Annotated[Name, AfterValidator(str.lower)]


class BuildOrder(Strict):
    """What to build."""

    namespace: Name
    """The namespace of the repository."""
    repo_name: Name
    """The name of the repository."""
    code_commit_id: CommitId | None = None
    """The commit; if left out, the newest one of the branch or tag."""


class NewBuildOrder(BuildOrder):
    """What to build: `tag`, `branch`, or both where the tag_config stands for several branches."""

    tag: Name | None = None
    """The docker_repo_tag of one of its tag_configs: only that one is built."""
    branch: Name | None = None
    """The branch to build."""
