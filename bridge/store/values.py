"""What a store keeps and returns, as plain values. Times are Unix seconds."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, Literal, TypedDict, TypeVar

from bridge.model.build import Build, BuildState, NewBuild
from bridge.model.delivery import Delivery, DeliveryState
from bridge.model.event import Ref, RefMove
from bridge.model.notice import BuildFacts, EventName, Notice, NoticeState, ServiceFacts, Streak

T = TypeVar("T")

MAX_DETAIL: Final = 1000
"""The most characters of a decision's `detail`."""

NoticesFor = Callable[[Build, Streak], Sequence[Notice]]
"""Which notices a build in its new state asks for, given the failures of its tag set just before it."""


def no_notices(_build: Build, _before: Streak) -> Sequence[Notice]:
    """No notices."""
    return ()


Redact = Callable[[str], str]
"""Takes the secrets out of a text that came from outside."""


def unchanged(text: str) -> str:
    """For a store that nothing from outside is written to."""
    return text


ServiceNoticesFor = Callable[[EventName, ServiceFacts], Sequence[Notice]]
"""Which notices an event of the bridge itself asks for."""


@dataclass(frozen=True, slots=True)
class Step:
    """What happened to a delivery, a build or a notice; `what` is one word."""

    at: float
    what: str
    detail: str


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """An answer of HTTP that is given again."""

    status: int
    media_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Claim:
    """An idempotency key and the request that it stands for; `answer` is None until that was answered.

    `same` is whether it stands for the request that it was just sent with, `is_held` whether another node is
    answering that; then it has not been claimed.
    """

    id: str
    same: bool
    answer: KeptAnswer | None
    is_held: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """A step of any timeline; `seq` grows with each, `subject` is the id of what it happened to.

    `namespace`, `repo_name` and `number` are those of a build, or of the build that a notice is about; None
    for what belongs to none.
    """

    seq: int
    at: float
    what: str
    detail: str
    kind: Literal["delivery", "build", "notice"]
    subject: str
    namespace: str | None
    repo_name: str | None
    number: int | None
    is_public: bool


@dataclass(frozen=True, slots=True)
class Receipt:
    """Where a delivery is kept; `new` is False for a repeat."""

    id: str
    new: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PushedRef:
    """A ref that a delivery moved, as its host names it; None for what that does not say."""

    repo: str | None
    ref: Ref | None
    sha: str | None
    author: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryHead:
    """What a list shows of a delivery; `size` is that of its body in bytes, `replay` as in `DeliveryRow`.

    `pushed` is the first of its refs, and there are `other_refs` beside it; None until it was decided.
    """

    id: str
    source: str
    forge: str
    event: str
    key: str
    replay: int
    size: int
    received_at: float
    state: DeliveryState
    detail: str
    pushed: PushedRef | None = None
    other_refs: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRow:
    """A stored delivery as people see it; `replay` counts the redeliveries before it.

    `damage` says what of the row cannot be read, and was replaced by nothing; so does `detail` then.
    """

    delivery: Delivery
    state: DeliveryState
    detail: str
    replay: int
    explanation: Any
    damage: str = ""
    pushed: PushedRef | None = None
    other_refs: int = 0

    @property
    def head(self) -> DeliveryHead:
        delivery = self.delivery
        return DeliveryHead(
            id=delivery.id,
            source=delivery.source,
            forge=delivery.forge,
            event=delivery.event,
            key=delivery.key,
            replay=self.replay,
            size=len(delivery.body),
            received_at=delivery.received_at,
            state=self.state,
            detail=self.detail,
            pushed=self.pushed,
            other_refs=self.other_refs,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What is to become of a delivery.

    `moves` are the refs that it says were moved, `builds` what the rules make of that, `detail` why they make
    nothing.
    """

    state: DeliveryState
    detail: str
    explanation: Any
    builds: Sequence[NewBuild] = ()
    moves: Sequence[RefMove] = ()


@dataclass(frozen=True, slots=True)
class RecordedDecision:
    """What became of a delivery, with the ids of the builds that were made."""

    state: DeliveryState
    detail: str
    builds: tuple[str, ...] = ()


class BuildChange(TypedDict, total=False):
    """The facts about a build that can change beside its state; one that is not given stays."""

    raw: str
    detail: str
    handle: str | None
    url: str | None
    digest: str | None
    triggered_at: float | None
    started_at: float | None
    ended_at: float | None
    attempts: int
    next_at: float
    released: bool
    cancel_reason: str | None
    superseded: str | None
    caveat: str
    stage: str
    images_passed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildFilter:
    """Which builds a page shows: None asks for any.

    With `readable`, only those of these namespaces, and public ones.
    """

    build_id: str | None = None
    delivery_id: str | None = None
    namespace: str | None = None
    repo_name: str | None = None
    number: int | None = None
    states: Sequence[BuildState] | None = None
    readable: frozenset[str] | None = None


ANY_BUILD: Final = BuildFilter()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a page shows by the namespaces that it concerns: None asks for any, also for what concerns none.

    With `readable`, only what concerns one of these. `repo_name` counts only beside a `namespace`.
    """

    namespace: str | None = None
    repo_name: str | None = None
    readable: frozenset[str] | None = None

    @property
    def namespaces(self) -> Sequence[str] | None:
        """Those that a row has to concern one of; None where it has not to."""
        if self.namespace is None:
            return None if self.readable is None else sorted(self.readable)
        return [self.namespace] if self.readable is None or self.namespace in self.readable else []


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryFilter(Scope):
    """Which deliveries a page shows; one concerns the namespaces in which it made builds.

    `repo` is the code repository as its host names it, whatever the case of its letters; `ref` a branch or a
    tag, also by its full name; `sha` a commit, or how its id begins. With one of these, or with a `source`,
    deliveries are of any namespace; and a `source` goes with none of them.
    """

    state: DeliveryState | None = None
    source: str | None = None
    repo: str | None = None
    ref: str | None = None
    sha: str | None = None


ANY_DELIVERY: Final = DeliveryFilter()


@dataclass(frozen=True, slots=True)
class LogPiece:
    """A piece of a build's log as it was read; `seq` orders the pieces of a build."""

    seq: int
    at: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRange:
    """A part of a build's log in bytes of UTF-8: from `begin` up to `end`, of `size` bytes in all."""

    begin: int
    end: int
    size: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeRow:
    """A notice as people see it; `attempts` counts the sends. Of a damaged one `detail` says so.

    `digest_id` is the digest that it goes out in.
    """

    notice: Notice
    build_id: str | None
    namespace: str | None
    repo_name: str | None
    job: str
    state: NoticeState
    reason: str
    detail: str
    attempts: int
    next_at: float
    ended_at: float | None
    digest_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeFilter(Scope):
    """Which notices a page shows; one about a build concerns the namespace of that, any other none."""

    build_id: str | None = None
    channel: str | None = None
    state: NoticeState | None = None


ANY_NOTICE: Final = NoticeFilter()


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageFilter(Scope):
    """Which in-app messages a page shows; they concern what their notices do."""

    event: EventName | None = None


ANY_MESSAGE: Final = MessageFilter()


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRow:
    """An in-app message; `at` is when its notice was made. Of a damaged one `facts` say so."""

    id: int
    notice_id: str
    at: float
    event: EventName
    facts: BuildFacts | ServiceFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthRecord:
    """The health of a builder, a channel or another part; `down_since` is None while it works.

    `failing` says of a builder which kinds of calls showed that it is down, with commas between them. It
    works since `restored_at`, where it was ever down; `error` is the last reason for which it was, and
    `error_at` when that came up.
    """

    name: str
    down_since: float | None = None
    paused_until: float = 0.0
    why: str = ""
    failing: str = ""
    restored_at: float | None = None
    error: str = ""
    error_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """Where a page lies: older than the row `before`, newer than `after`, else by its number from 1."""

    number: int = 1
    before: str | int | None = None
    after: str | int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    """`rows` are newest first; `count` is how many there are in all, at most 5 000 (deliveries: 200).

    `newer` and `older` say whether there are such rows beyond this page.
    """

    count: int
    rows: Sequence[T]
    newer: bool
    older: bool
