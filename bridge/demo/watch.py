"""What becomes of each delivery, read from the store while the daemon works, and told as beats."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from bridge.demo.robot import Message
from bridge.model.build import Build, BuildState
from bridge.model.delivery import DeliveryState
from bridge.model.notice import NoticeState
from bridge.rules.match import RuleSet
from bridge.runtime.clock import Clock
from bridge.store.base import Store
from bridge.store.values import DeliveryRow, NoticeFilter, NoticeRow, Step

CHANNEL: Final = "team"
_NEWEST: Final = 50
_MAX_MESSAGES: Final = 1000

Mark = Literal["good", "bad", "step"]


@dataclass(frozen=True, slots=True)
class Beat:
    """One thing that happened, in words; `at` is in Unix seconds."""

    at: float
    mark: Mark
    what: str
    text: str


@dataclass(frozen=True, slots=True)
class Accepted:
    """A message that passed the robot's checks."""

    at: float
    title: str
    text: str


class Chat:
    """The group that the robot writes to."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._messages: deque[Accepted] = deque(maxlen=_MAX_MESSAGES)

    def take(self, message: Message) -> None:
        part = message["markdown"]
        self._messages.append(Accepted(self._clock(), part["title"], part["text"]))

    def find(self, notice_id: str) -> Accepted | None:
        """The message of a notice: it ends with the end of the notice's id."""
        return next((one for one in self._messages if f"N-{notice_id[-8:]}" in one.text), None)


@dataclass(frozen=True, slots=True)
class Told:
    """A notice to the chat, its timeline, and the message once the robot has it."""

    row: NoticeRow
    steps: tuple[Step, ...]
    accepted: Accepted | None


@dataclass(frozen=True, slots=True)
class Course:
    """What became of one delivery so far; `builds` and `steps` go together."""

    row: DeliveryRow
    builds: tuple[Build, ...] = ()
    steps: tuple[tuple[Step, ...], ...] = ()
    told: tuple[Told, ...] = ()

    @property
    def id(self) -> str:
        return self.row.delivery.id

    @property
    def title(self) -> str:
        """The refs that were pushed."""
        refs = [f"{ref['ref_kind']} {ref['ref_name']}" for ref in self.row.explanation if ref["ref_name"]]
        return ", ".join(refs) or self.row.delivery.event

    @property
    def judged(self) -> bool:
        return self.row.state is not DeliveryState.STORED

    @property
    def done(self) -> bool:
        """Whether nothing more will happen."""
        return (
            self.judged
            and all(build.state.terminal for build in self.builds)
            and all(one.row.state not in {NoticeState.PENDING, NoticeState.SENDING} for one in self.told)
        )


class Watch:
    """Reads the store of a running daemon."""

    def __init__(self, store: Store, chat: Chat) -> None:
        self._store = store
        self._chat = chat
        self._done: set[str] = set()

    async def look(self) -> list[Course]:
        """Every delivery about which there may be news, oldest first."""
        rows = await self._store.deliveries.newest(_NEWEST)
        self._done &= {row.delivery.id for row in rows}
        fresh = [row for row in reversed(rows) if row.delivery.id not in self._done]
        courses = [await self._course(row) for row in fresh]
        self._done |= {course.id for course in courses if course.done}
        return courses

    async def _course(self, row: DeliveryRow) -> Course:
        builds = await self._store.builds.of_delivery(row.delivery.id)
        steps = [tuple(await self._store.builds.steps(build.id)) for build in builds]
        # After the builds: the notices of an end are written together with it.
        told = [one for build in builds for one in await self._told(build.id)]
        return Course(row, tuple(builds), tuple(steps), tuple(told))

    async def _told(self, build_id: str) -> list[Told]:
        told = []
        for row in await self._store.notices.newest(
            _NEWEST, NoticeFilter(build_id=build_id, channel=CHANNEL)
        ):
            found = await self._store.notices.get(row.notice.id)
            steps = tuple(found[1]) if found else ()
            told.append(Told(row, steps, self._chat.find(row.notice.id)))
        return told


def beats(course: Course, rules: RuleSet) -> list[Beat]:
    """The story of a delivery so far, in the order of time."""
    found = [*_received(course), *_matched(course, rules), *_built(course), *_noticed(course)]
    return sorted(found, key=lambda beat: beat.at)


def _received(course: Course) -> Iterator[Beat]:
    delivery, detail = course.row.delivery, course.row.detail
    at = delivery.received_at
    yield Beat(at, "good", "stored", f"delivery …{delivery.id[-8:]}: signature verified, safe on disk")
    if course.row.state is DeliveryState.IGNORED:
        yield Beat(at, "step", "ignored", detail)
    elif course.row.state is DeliveryState.DEAD:
        yield Beat(at, "bad", "dead", detail)


def _matched(course: Course, rules: RuleSet) -> Iterator[Beat]:
    matches = [match for ref in course.row.explanation for match in ref["matches"]]
    for match, build in zip(matches, course.builds, strict=False):
        repository = rules.repository(match["namespace"], match["repo_name"])
        configs = [repository.build_config.tag_configs[i] for i in match["tag_config"]] if repository else []
        patterns = {f"{config.code_repo_type} {config.code_repo_type_value}" for config in configs}
        text = f"{build.full_name}: {', '.join(sorted(patterns))} → {', '.join(build.request.tags)}"
        yield Beat(build.created_at, "good", "matched", text)


def _built(course: Course) -> Iterator[Beat]:
    for build, steps in zip(course.builds, course.steps, strict=True):
        for step in steps:
            if step.what not in {BuildState.WAITING, BuildState.TRIGGERING}:
                yield Beat(step.at, _mark(step.what), "build", f"#{build.number} {_state(build, step)}")


def _mark(state: str) -> Mark:
    match state:
        case BuildState.SUCCEEDED:
            return "good"
        case BuildState.FAILED | BuildState.UNKNOWN:
            return "bad"
        case _:
            return "step"


def _state(build: Build, step: Step) -> str:
    match step.what:
        case BuildState.QUEUED:
            return f"taken by the builder “{build.builder}”"
        case _:
            return f"{step.what}: {step.detail}" if step.detail else step.what


def _noticed(course: Course) -> Iterator[Beat]:
    for told in course.told:
        for step in told.steps:
            if step.what not in {NoticeState.PENDING, NoticeState.SENT}:
                yield Beat(step.at, "bad", "notice", f"{step.what}: {step.detail}")
        if told.accepted:
            text = f"the DingTalk robot took {told.accepted.title}, signature verified"
            yield Beat(told.accepted.at, "good", "notice", text)
