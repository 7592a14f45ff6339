"""The progress of each delivery, read from the store while the daemon works, and its timeline."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from bridge.demo.robot import Message
from bridge.model.build import Build, BuildState
from bridge.model.delivery import DeliveryState
from bridge.model.language import Tell
from bridge.model.notice import NoticeState
from bridge.rules.match import RuleSet
from bridge.runtime.clock import Clock
from bridge.store.base import Store
from bridge.store.values import Cursor, DeliveryRow, NoticeFilter, NoticeRow, Step

CHANNEL: Final = "team"
_NEWEST: Final = 50
_MAX_MESSAGES: Final = 1000

Mark = Literal["good", "bad", "step"]


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One event in words; `at` is in Unix seconds."""

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
    """The chat group that the robot writes to."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._messages: deque[Accepted] = deque(maxlen=_MAX_MESSAGES)

    def take(self, message: Message) -> None:
        part = message["markdown"]
        self._messages.append(Accepted(self._clock(), part["title"], part["text"]))

    def find(self, notice_id: str) -> Accepted | None:
        """The message of a notice: its text has the end of the notice's id."""
        return next((one for one in self._messages if f"N-{notice_id[-8:]}" in one.text), None)


@dataclass(frozen=True, slots=True)
class NoticeProgress:
    """A notice to the chat, its timeline, and the message once the robot has it."""

    row: NoticeRow
    steps: tuple[Step, ...]
    accepted: Accepted | None


@dataclass(frozen=True, slots=True)
class DeliveryProgress:
    """The state of one delivery; `builds` and `steps` have the same order."""

    row: DeliveryRow
    builds: tuple[Build, ...] = ()
    steps: tuple[tuple[Step, ...], ...] = ()
    notices: tuple[NoticeProgress, ...] = ()

    @property
    def id(self) -> str:
        return self.row.delivery.id

    @property
    def title(self) -> str:
        """The refs that were pushed."""
        refs = [f"{ref['ref_kind']} {ref['ref_name']}" for ref in self.row.explanation if ref["ref_name"]]
        return ", ".join(refs) or self.row.delivery.event

    @property
    def decided(self) -> bool:
        return self.row.state is not DeliveryState.STORED

    @property
    def done(self) -> bool:
        """Whether the delivery, its builds and its notices have ended."""
        return (
            self.decided
            and all(build.state.terminal for build in self.builds)
            and all(one.row.state not in {NoticeState.PENDING, NoticeState.SENDING} for one in self.notices)
        )


class ProgressReader:
    """Reads the store of a running daemon."""

    def __init__(self, store: Store, chat: Chat) -> None:
        self._store = store
        self._chat = chat
        self._done: set[str] = set()

    async def read(self) -> list[DeliveryProgress]:
        """Every delivery that may have changed, oldest first."""
        newest = await self._store.deliveries.page(Cursor(), _NEWEST)
        self._done &= {head.id for head in newest.rows}
        fresh = [head.id for head in reversed(newest.rows) if head.id not in self._done]
        found = [await self._store.deliveries.get(delivery_id) for delivery_id in fresh]
        deliveries = [await self._progress(one[0]) for one in found if one is not None]
        self._done |= {progress.id for progress in deliveries if progress.done}
        return deliveries

    async def _progress(self, row: DeliveryRow) -> DeliveryProgress:
        builds = await self._store.builds.of_delivery(row.delivery.id)
        steps = [tuple(await self._store.builds.steps(build.id)) for build in builds]
        # Read after the builds: the store writes the notices of an end together with it.
        notices = [one for build in builds for one in await self._notices(build.id)]
        return DeliveryProgress(row, tuple(builds), tuple(steps), tuple(notices))

    async def _notices(self, build_id: str) -> list[NoticeProgress]:
        notices = []
        only = NoticeFilter(build_id=build_id, channel=CHANNEL)
        for row in (await self._store.notices.page(Cursor(), _NEWEST, only)).rows:
            found = await self._store.notices.get(row.notice.id)
            steps = tuple(found[1]) if found else ()
            notices.append(NoticeProgress(row, steps, self._chat.find(row.notice.id)))
        return notices


def timeline(progress: DeliveryProgress, rules: RuleSet, tell: Tell) -> list[TimelineEntry]:
    """The timeline of a delivery so far."""
    found = [
        *_received(progress, tell),
        *_matched(progress, rules),
        *_built(progress, tell),
        *_noticed(progress, tell),
    ]
    return sorted(found, key=lambda entry: entry.at)


def _received(progress: DeliveryProgress, tell: Tell) -> Iterator[TimelineEntry]:
    delivery, detail = progress.row.delivery, progress.row.detail
    at = delivery.received_at
    text = tell("delivery …{id}: signature verified, safe on disk", id=delivery.id[-8:])
    yield TimelineEntry(at, "good", "stored", text)
    if progress.row.state is DeliveryState.IGNORED:
        yield TimelineEntry(at, "step", "ignored", detail)
    elif progress.row.state is DeliveryState.DEAD:
        yield TimelineEntry(at, "bad", "dead", detail)


def _matched(progress: DeliveryProgress, rules: RuleSet) -> Iterator[TimelineEntry]:
    matches = [match for ref in progress.row.explanation for match in ref["matches"]]
    for match, build in zip(matches, progress.builds, strict=False):
        repository = rules.repository(match["namespace"], match["repo_name"])
        configs = [repository.build_config.tag_configs[i] for i in match["tag_config"]] if repository else []
        patterns = {f"{config.code_repo_type} {config.refs}" for config in configs}
        text = f"{build.full_name}: {', '.join(sorted(patterns))} → {', '.join(build.request.tags)}"
        yield TimelineEntry(build.created_at, "good", "matched", text)


def _built(progress: DeliveryProgress, tell: Tell) -> Iterator[TimelineEntry]:
    for build, steps in zip(progress.builds, progress.steps, strict=True):
        for step in steps:
            if step.what not in {BuildState.WAITING, BuildState.TRIGGERING}:
                yield TimelineEntry(step.at, _mark(step.what), "build", _state(build, step, tell))


def _mark(state: str) -> Mark:
    match state:
        case BuildState.SUCCEEDED:
            return "good"
        case BuildState.FAILED | BuildState.UNKNOWN:
            return "bad"
        case _:
            return "step"


def _state(build: Build, step: Step, tell: Tell) -> str:
    number = build.number
    if step.what == BuildState.QUEUED:
        return tell("#{number} taken by the builder “{builder}”", number=number, builder=build.builder)
    if step.detail:
        said = tell(step.what)
        return tell("#{number} {state}: {detail}", number=number, state=said, detail=step.detail)
    return f"#{number} {tell(step.what)}"


def _noticed(progress: DeliveryProgress, tell: Tell) -> Iterator[TimelineEntry]:
    for notice in progress.notices:
        for step in notice.steps:
            if step.what not in {NoticeState.PENDING, NoticeState.SENT}:
                text = tell("{state}: {detail}", state=tell(step.what), detail=step.detail)
                yield TimelineEntry(step.at, "bad", "notice", text)
        if notice.accepted:
            title = notice.accepted.title
            text = tell("the DingTalk robot took {title}, signature verified", title=title)
            yield TimelineEntry(notice.accepted.at, "good", "notice", text)
