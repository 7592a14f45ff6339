"""A notice: one message about one event to one channel."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Literal

from bridge.model.event import Person

MESSAGE_CHANNEL: Final = "message"
"""The in-app channel, which gets every event."""


REMIND_SECONDS: Final = 4 * 3600.0


class NoticeState(StrEnum):
    """The states of a notice.

    A `merged` one went out in a digest; a `suppressed` one has nothing to show, a silence held it, or the
    fallback of its channel says it.
    """

    PENDING = "pending"
    SENDING = "sending"
    SENT = "sent"
    MERGED = "merged"
    SUPPRESSED = "suppressed"
    DEAD = "dead"


class EventName(StrEnum):
    """The events people subscribe to, in the words of the CodeArts notices and our own."""

    QUEUED = "buildJobQueued"
    START = "buildJobStart"
    SUCCESS = "buildJobSuccess"
    FAIL = "buildJobFail"
    STOP = "buildJobStop"
    FIXED = "buildJobFixed"
    UPDATE_CONFIG = "updateConfigJob"
    DELETE = "deleteJob"
    FORBID = "forbiddenJob"
    DEGRADED = "serviceDegraded"
    RESTORED = "serviceRestored"

    @property
    def urgent(self) -> bool:
        """Whether people wait for it more than for others: what is broken, and what works again."""
        return self in _URGENT


BuildEvent = Literal[
    EventName.QUEUED,
    EventName.START,
    EventName.SUCCESS,
    EventName.FAIL,
    EventName.STOP,
    EventName.FIXED,
]
"""What may happen to a build."""
_URGENT: Final = frozenset({EventName.FAIL, EventName.FIXED, EventName.DEGRADED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """Which events of a repository a channel gets, by the rule in force when the build was made."""

    channel: str
    events: frozenset[EventName]
    only: Literal["always", "changes", "failures"] = "always"
    remind: float = REMIND_SECONDS
    """After so many seconds one that hears of changes hears again of what still fails."""


@dataclass(frozen=True, slots=True)
class Streak:
    """The failures in a row of one tag set before a build: how many, and the first one's number and end.

    Each build counts once, as its last run ended. `again` says that an earlier run of this build failed, too.
    `noticed` is when the last notice of one of them was made, by channel.
    """

    count: int = 0
    since: int | None = None
    began: float | None = None
    again: bool = False
    noticed: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildFacts:
    """What a notice about a build can tell; every text may come from a stranger and is shown, never obeyed.

    `author`, `committer` and `co_authors` are the commit's, `by` is who asked for a build that no push
    caused.

    `images` are `path:tag` texts, `duration` is in seconds, `streak` counts the failures in a row up to and
    including this build (for `buildJobFixed`: the failures that it ended). `streak_since` is the number of
    the first of them, if one came before this build, and `streak_seconds` how long ago it ended.
    `log_tail` is the end of the log. `code_host` is the kind of Git host and `code_path` the name of the code
    there, as the rule writes them; None in notices of earlier releases. `context` and `dockerfile` are those
    of the request, in which the images of one repository differ. `stage` is the part of the build that
    failed, such as a stage or a job and its step; "" where the builder says none. `delivery_id` is that of
    the push; "" in notices of earlier releases.
    """

    build_id: str
    namespace: str
    repo_name: str
    number: int
    state: str
    detail: str | None
    ref_kind: str
    ref_name: str
    sha: str
    commit_url: str | None
    subject: str
    author: Person
    images: tuple[str, ...]
    builder: str
    duration: float | None
    build_url: str | None
    cause: str
    streak: int
    log_tail: str
    streak_since: int | None = None
    streak_seconds: float | None = None
    by: str | None = None
    run: int = 1
    code_host: str | None = None
    code_path: str | None = None
    context: str = "/"
    dockerfile: str = "/"
    stage: str = ""
    committer: Person = field(default_factory=Person)
    co_authors: tuple[Person, ...] = ()
    delivery_id: str = ""

    @property
    def label(self) -> str:
        """The number of the build; of a later run `#128.2`."""
        return f"#{self.number}" if self.run == 1 else f"#{self.number}.{self.run}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceFacts:
    """What a notice about a part of the bridge itself can tell, `detail` in one sentence without secrets.

    One that `is_test` says only that it came.
    """

    subject: str
    detail: str
    is_test: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One of the notices in a digest; `moved_from` is as of a notice."""

    notice_id: str
    event: EventName
    facts: BuildFacts | ServiceFacts
    moved_from: str | None = None


DigestKind = Literal["push", "job", "backlog"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestFacts:
    """What a notice says that stands for several, which are its `members`, the oldest first.

    - `push`: the builds of one push.
    - `job`: the notices of one job that could not be sent for a while; only the newest still matters.
    - `backlog`: all that waited while the target allowed no more messages.
    """

    kind: DigestKind
    members: tuple[Member, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One message to one channel; `id` stays the same over all attempts, `created_at` is in Unix seconds.

    `recipient` is whom a channel with several recipients is to send it to; None is all of them. `moved_from`
    is the channel that it was for, where the fallback of that sends it.
    """

    id: str
    channel: str
    event: EventName
    facts: BuildFacts | ServiceFacts | DigestFacts
    created_at: float
    attempt: int = 1
    recipient: str | None = None
    moved_from: str | None = None
