"""A build: its request, its states and the only table of its transitions."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final, Literal
from uuid import UUID

from bridge.model.event import Person, RefKind
from bridge.model.notice import Subscription

MANUAL: Final = "manual"
"""The cause of a build that a person asked for by hand."""
UNPUSHED: Final = frozenset({MANUAL, "schedule"})
"""The causes of builds that no push asked for; deliveries of that kind name them, too."""

REPAIR: Final = "order repair"
"""The cause of a build that builds the newest code again, after older code that came late."""

RETRIED: Final = "retried"
"""The transition of a build that has ended to another run of it, which waits."""

LOG_LIMIT: Final = 8 << 20
"""What is kept of a build's log, in bytes, unless `store.log_limit` says otherwise."""

_TIMED: Final = 7
"""The version of ids that hold the time they were made at."""
_CLOCKS: Final = 86_400.0
_SLACK: Final = 60.0

OnNewer = Literal["queue", "skip_waiting", "cancel"]
"""What a newer push of a ref does to older builds: nothing, end those that wait, or end them all."""


Letter = Literal["W", "I", "S", "F"]
"""Waits, runs, succeeded, ended otherwise: the words of the Alauda-style documents."""


class BuildState(StrEnum):
    """How far a build is."""

    WAITING = "waiting"
    TRIGGERING = "triggering"
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"
    UNKNOWN = "unknown"

    @property
    def terminal(self) -> bool:
        """Whether the build has ended; `unknown` has, but may still be resolved."""
        return self in _TERMINAL

    @property
    def letter(self) -> Letter:
        return _LETTERS[self]


_TERMINAL = frozenset(
    {BuildState.SUCCEEDED, BuildState.FAILED, BuildState.CANCELLED, BuildState.SUPERSEDED, BuildState.UNKNOWN}
)
_LETTERS: Final[Mapping[BuildState, Letter]] = {
    BuildState.WAITING: "W",
    BuildState.TRIGGERING: "W",
    BuildState.QUEUED: "W",
    BuildState.RUNNING: "I",
    BuildState.SUCCEEDED: "S",
    BuildState.FAILED: "F",
    BuildState.CANCELLED: "F",
    BuildState.SUPERSEDED: "F",
    BuildState.UNKNOWN: "F",
}
_ENDED = frozenset({BuildState.SUCCEEDED, BuildState.FAILED, BuildState.CANCELLED, BuildState.UNKNOWN})

TRANSITIONS: Mapping[BuildState, frozenset[BuildState | Literal["retried"]]] = {
    BuildState.WAITING: frozenset(
        {
            BuildState.TRIGGERING,
            BuildState.FAILED,
            BuildState.CANCELLED,
            BuildState.SUPERSEDED,
            BuildState.UNKNOWN,
        }
    ),
    # Back to waiting: the builder is proven not to have the build, so it may be asked again.
    BuildState.TRIGGERING: frozenset({BuildState.WAITING, BuildState.QUEUED, BuildState.RUNNING}) | _ENDED,
    BuildState.QUEUED: frozenset({BuildState.RUNNING, BuildState.SUPERSEDED}) | _ENDED,
    BuildState.RUNNING: frozenset({BuildState.SUPERSEDED}) | _ENDED,
    BuildState.SUCCEEDED: frozenset({RETRIED}),
    BuildState.FAILED: frozenset({RETRIED}),
    BuildState.CANCELLED: frozenset({RETRIED}),
    BuildState.SUPERSEDED: frozenset({RETRIED}),
    BuildState.UNKNOWN: frozenset(
        {
            BuildState.QUEUED,
            BuildState.RUNNING,
            BuildState.SUCCEEDED,
            BuildState.FAILED,
            BuildState.CANCELLED,
            BuildState.SUPERSEDED,
            RETRIED,
        }
    ),
}


def run_id_of(build_id: str, run: int) -> str:
    """The id of a run: that of the build for the first, then `<build id>.2`, `<build id>.3`."""
    return build_id if run == 1 else f"{build_id}.{run}"


def parse_run_id(run_id: str) -> tuple[str, int]:
    """The id of the build, and the number of its run."""
    build_id, dot, run = run_id.rpartition(".")
    return (build_id, int(run)) if dot and run.isdecimal() else (run_id, 1)


def not_before(run_id: str, now: float) -> float | None:
    """Before which moment nothing was made of the build, in Unix seconds by a clock that is right to a day.

    The id of the build says when it was made; None where it does not, or where that clock was wrong.
    """
    try:
        found = UUID(parse_run_id(run_id)[0])
    except ValueError:
        return None
    made = (found.int >> 80) / 1000
    return made - _CLOCKS if found.version == _TIMED and made <= now + _SLACK else None


def may_be_older(run_id: str, starts: Iterable[float], now: float) -> bool:
    """Whether the build may have begun before all those that began at these moments.

    The moments are in Unix seconds; one that is not known is 0, and proves nothing.
    """
    since = not_before(run_id, now) or 0.0
    return not any(0 < start < since for start in starts)


def log_mark(left_out: int, limit: int) -> str:
    """The line in a log in place of what is left out of it, in bytes; `limit` is that of the log."""
    return f"{left_out} bytes are left out here: the log is over store.log_limit, {limit / (1 << 20):g} MiB"


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenJob:
    """A job of a build system as a call saw it at a time in Unix seconds: the parameters that it declares."""

    job: str
    parameters: tuple[str, ...]
    seen_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierRun:
    """A run of a build that had ended when another one was asked for, at `followed_at` (Unix seconds).

    `handle` is the builder's own word for it.
    """

    handle: str
    followed_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildRequest:
    """Everything a builder may need; the same for every builder and every attempt.

    `build_id` is that of the run, so that no builder takes an earlier run of a build for a later one.
    `image` is the repository path without a tag, `tags` are valid OCI tags, first the configured ones, then
    the version tag. `ref` is the full ref name. `commit` is empty where only the builder can tell: it builds
    what `ref` points to, an annotated tag peeled. `context` is a folder and `dockerfile` a file or a folder
    inside the checkout, both starting with a slash. `parameters` are the rule's own. `previous` is the run
    before this one, which differs in nothing but its id; None where it may still go on. `source` names the
    one in `bridge.yaml` that the code is from: what it has for private code may be used; None where no one
    knows.
    """

    build_id: str
    number: int
    namespace: str
    repo_name: str
    image: str
    tags: tuple[str, ...]
    version_tag: str | None
    repo_url: str
    ref: str
    branch: str | None
    tag: str | None
    commit: str
    context: str = "/"
    dockerfile: str = "/"
    parameters: Mapping[str, str] = field(default_factory=dict)
    previous: EarlierRun | None = None
    source: str | None = None

    def variables(self) -> dict[str, str]:
        """The request as flat names and values, for builders that take parameters or an environment."""
        own = {
            "BRIDGE_BUILD_ID": self.build_id,
            "IMAGE": self.image,
            "TAGS": ",".join(self.tags),
            "VERSION_TAG": self.version_tag or "",
            "REPO_URL": self.repo_url,
            "REF": self.ref,
            "BRANCH": self.branch or "",
            "TAG": self.tag or "",
            # An empty one would be taken for any branch by jobs that check it out.
            "COMMIT": self.commit or self.ref,
            "CONTEXT": self.context,
            "DOCKERFILE": self.dockerfile,
        }
        return {**self.parameters, **own}


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a build comes from, for people: what was pushed, by whom, and why it builds.

    `cause` is `push`, `tag`, `manual`, `schedule` or `order repair`: the newest code once more, after
    older code that came late. `by` is who asked for a build that no push caused. `client` is the kind of Git
    host and `code_path` the name of the code there, both as the rule writes them; `code_url`, `commit_url`
    and `ref_url` are the pages that show it to people. `build_node` is the rule's word, without effect.
    """

    delivery_id: str
    cause: str
    ref_kind: RefKind
    ref_name: str
    subject: str = ""
    author: Person = field(default_factory=Person)
    committer: Person = field(default_factory=Person)
    co_authors: tuple[Person, ...] = ()
    commit_url: str | None = None
    is_public: bool = False
    by: str | None = None
    client: str | None = None
    code_path: str | None = None
    code_url: str | None = None
    ref_url: str | None = None
    build_node: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewBuild:
    """A build to be made. The planner gives it a number, the store an id and a time version.

    `tag_set` names what is built, whatever the time: one delivery makes one build of it. `version_tagging` is
    0 (none), 1 (time version) or 2 (commit id). `source` is that of the request. `sha` is the commit, or,
    where `peeled` is False, what may be an annotated tag's own object. `code` names the code repository for
    all hosts, `pushed` is what the ref was set to (for an annotated tag its object). `commit_tags` are those
    of `tags` that name the commit: they can be built at any time, in any order. At most `concurrency` builds
    of the repository are with the builder at once. `named` has, for each tag made of the ref's name, the text
    it was made from. The timeline shows the `notes`.
    """

    namespace: str
    repo_name: str
    builder: str
    tag_set: str
    image: str
    tags: tuple[str, ...]
    version_tagging: int
    repo_url: str
    source: str | None = None
    ref: str
    sha: str
    peeled: bool
    context: str
    dockerfile: str
    parameters: Mapping[str, str]
    origin: Origin
    subscriptions: tuple[Subscription, ...]
    code: str
    pushed: str
    commit_tags: tuple[str, ...] = ()
    on_newer: OnNewer = "queue"
    concurrency: int | None = None
    named: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """The repository and the tags, for sentences."""
        return f"{self.namespace}/{self.repo_name} ({', '.join(self.tags) or self.sha})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """A build of one build repository, in its newest `run` or an earlier one; times are Unix seconds.

    `number` counts the builds of its repository, `serial` those of all.
    `enqueued_at` is when this run began to wait. `retried_by` is who asked for it; None for the first run.
    `raw` is the builder's own word for the state, `handle` its own word for the build. `attempts` counts the
    tries to trigger it, and `next_at` is when the next one is due. `log_offset` is how far the log was read.
    `failed_line` is the number of the log's line at which a failure is seen: 0 where it has none, None while
    that was not sought.
    `superseded` says by what; a build that has not ended then is `superseded` once it has. A `caveat` limits
    what the result means, such as that the run is shared. `stage` is the part of the build that failed, in
    the builder's words; "" where it says none. With `images_passed` False the builder did not get
    the names of the images, and the result proves none of them. `damage` says what the store cannot read of
    it, and `detail` does so, too: that cannot be built.
    """

    id: str
    serial: int
    number: int
    namespace: str
    repo_name: str
    builder: str
    state: BuildState
    request: BuildRequest
    origin: Origin
    subscriptions: tuple[Subscription, ...]
    created_at: float
    enqueued_at: float
    run: int = 1
    retried_by: str | None = None
    raw: str = ""
    detail: str = ""
    handle: str | None = None
    url: str | None = None
    digest: str | None = None
    triggered_at: float | None = None
    started_at: float | None = None
    ended_at: float | None = None
    attempts: int = 0
    next_at: float = 0.0
    log_offset: int = 0
    failed_line: int | None = None
    cancel_reason: str | None = None
    pushed: str = ""
    superseded: str | None = None
    concurrency: int | None = None
    caveat: str = ""
    stage: str = ""
    images_passed: bool = True
    damage: str = ""

    @property
    def run_id(self) -> str:
        """What the builder knows the run by."""
        return run_id_of(self.id, self.run)

    @property
    def ended_by_us(self) -> BuildState:
        """What the build is once it has ended because it was asked to."""
        return BuildState.CANCELLED if self.superseded is None else BuildState.SUPERSEDED

    @property
    def full_name(self) -> str:
        return f"{self.namespace}/{self.repo_name}"

    def again(self, *, tag_set: str, code: str, builder: str, delivery_id: str, reason: str) -> NewBuild:
        """The same once more, asked for by this delivery and sent to this builder; `reason` is its note."""
        request = self.request
        tagging = 0 if request.version_tag is None else 2 if request.version_tag == request.commit else 1
        tags = (
            request.tags if tagging != 1 else tuple(tag for tag in request.tags if tag != request.version_tag)
        )
        return NewBuild(
            namespace=self.namespace,
            repo_name=self.repo_name,
            builder=builder,
            tag_set=tag_set,
            image=request.image,
            tags=tags,
            version_tagging=tagging,
            repo_url=request.repo_url,
            source=request.source,
            ref=request.ref,
            sha=request.commit or self.pushed,
            peeled=bool(request.commit),
            context=request.context,
            dockerfile=request.dockerfile,
            parameters=request.parameters,
            origin=replace(self.origin, delivery_id=delivery_id, cause=REPAIR, by=None),
            subscriptions=self.subscriptions,
            code=code,
            pushed=self.pushed,
            concurrency=self.concurrency,
            notes=(reason,),
        )
