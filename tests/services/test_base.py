"""The supervised loop that all services share."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import anyio
import pytest
from structlog.testing import capture_logs
from support.scripted import eventually
from support.wallclock import set_tick_clock_back

from bridge.errors import StoreDied, StoreError
from bridge.runtime.wakeups import Wakeup
from bridge.services import base
from bridge.services.base import Crew, HandOver, Service, StoreFollower


class Counter(Service):
    """Does `work` in each round, and counts the rounds that ended."""

    tick = 3600.0

    def __init__(self, work: Callable[[], Awaitable[float | None]], name: str = "counter") -> None:
        super().__init__(name)
        self.rounds = 0
        self._work = work

    async def round(self) -> float | None:
        try:
            return await self._work()
        finally:
            self.rounds += 1


async def nothing() -> None:
    return None


class Script:
    """What each round does, in turn; then nothing."""

    def __init__(self, *outcomes: BaseException | float | None) -> None:
        self._outcomes = list(outcomes)

    async def __call__(self) -> float | None:
        outcome = self._outcomes.pop(0) if self._outcomes else None
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome


@asynccontextmanager
async def at_work(*services: Service) -> AsyncIterator[None]:
    async with anyio.create_task_group() as tasks:
        for service in services:
            tasks.start_soon(service.run)
        yield
        tasks.cancel_scope.cancel()


class Waits(Wakeup):
    """Records how long each wait may last."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float | None] = []

    async def wait(self, seconds: float | None = None) -> None:
        self.seconds.append(seconds)
        await super().wait(seconds)


async def goes_on(service: Counter) -> None:
    """The service does a few more rounds."""
    enough = service.rounds + 3
    await eventually(lambda: service.rounds >= enough)


async def rests(service: Counter, rounds: int) -> None:
    """The service has done so many rounds, and waits."""
    await eventually(lambda: service.rounds == rounds)
    await anyio.wait_all_tasks_blocked()
    assert service.rounds == rounds


async def test_a_service_begins_at_once_and_then_waits_until_it_is_woken() -> None:
    service = Counter(nothing)
    async with at_work(service):
        await rests(service, 1)
        service.wake()
        await rests(service, 2)


async def test_a_round_says_when_the_next_one_is_due() -> None:
    service = Counter(Script(0.01, -5.0))
    async with at_work(service):
        await rests(service, 3)


async def test_a_wake_up_during_a_round_is_not_lost_and_repeats_of_it_are_one() -> None:
    entered, gate = anyio.Event(), anyio.Event()

    async def work() -> None:
        entered.set()
        await gate.wait()

    service = Counter(work)
    async with at_work(service):
        await entered.wait()
        service.wake()
        service.wake()
        gate.set()
        await rests(service, 2)


@pytest.mark.parametrize(
    "error",
    [
        StoreError("disk full"),
        ExceptionGroup("side by side", [StoreError("disk full"), StoreError("disk full")]),
        ExceptionGroup("deeper", [ExceptionGroup("side by side", [StoreError("disk full")])]),
    ],
)
async def test_a_store_that_fails_ends_a_round_and_not_the_service(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base, "RETRY_SECONDS", 0.01)
    service = Counter(Script(error, error))
    with capture_logs() as lines:
        async with at_work(service):
            await rests(service, 3)
    assert lines == [
        {"event": "store.write_failed", "log_level": "error", "by": "counter", "error": "disk full"},
        {"event": "store.restored", "log_level": "info", "by": "counter"},
    ], "one line when it begins, one when it is over"


async def test_another_error_of_the_store_is_another_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "RETRY_SECONDS", 0.01)
    service = Counter(Script(StoreError("locked"), StoreError("disk full"), None, StoreError("disk full")))
    with capture_logs() as lines:
        async with at_work(service):
            await rests(service, 3)
            service.wake()
            await rests(service, 5)
    assert [line.get("error") for line in lines] == ["locked", "disk full", None, "disk full", None]


async def test_a_wake_up_does_not_wait_for_the_pause_after_a_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(base, "RETRY_SECONDS", 3600.0)
    service = Counter(Script(StoreError("locked")))
    async with at_work(service):
        await rests(service, 1)
        service.wake()
        await rests(service, 2)


@pytest.mark.parametrize("error", [StoreDied("the writer has died"), RuntimeError("a fault of ours")])
async def test_what_only_a_restart_mends_ends_the_daemon(error: Exception) -> None:
    other = Counter(nothing)
    with anyio.fail_after(5), pytest.RaisesGroup(type(error), flatten_subgroups=True):
        async with Crew().running([other, Counter(Script(error))]):
            await anyio.sleep_forever()


async def test_a_service_that_hangs_delays_no_other() -> None:
    hanging, other = Counter(anyio.sleep_forever, "hanging"), Counter(nothing)
    async with at_work(hanging, other):
        for rounds in range(1, 4):
            await rests(other, rounds)
            other.wake()
    assert hanging.rounds == 1, "its round ended with the service"


async def test_a_service_that_no_one_wakes_is_woken_by_its_tick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "TICK_PATIENCE", 1e6)
    service = Counter(nothing)
    service.tick = 0.01
    async with Crew().running([service]):
        await eventually(lambda: service.rounds >= 3)


class Following(Counter, StoreFollower):
    pass


async def test_what_is_written_wakes_those_whose_work_waits_in_the_store_and_no_others() -> None:
    crew, service, other = Crew(), Following(nothing), Counter(nothing)
    async with crew.running([service, other]):
        await rests(service, 1)
        crew.wake_followers()
        await rests(service, 2)
        assert other.rounds == 1


async def test_a_wall_clock_that_goes_back_stops_no_service(monkeypatch: pytest.MonkeyPatch) -> None:
    service = Counter(nothing)
    service.tick = 0.01
    async with Crew().running([service]):
        await goes_on(service)
        set_tick_clock_back(monkeypatch, seconds=3600)
        await goes_on(service)


@pytest.mark.parametrize(("asked", "waited"), [(None, 15.0), (3600.0, 15.0), (3.0, 3.0), (-1.0, 0.01)])
async def test_a_wait_is_longer_than_the_tick_that_should_end_it(asked: float | None, waited: float) -> None:
    """Otherwise a tick that comes a moment late would find the round done, and double the work."""
    service = Counter(Script(asked))
    service.tick = 10.0
    service.wakeup = waits = Waits()
    async with at_work(service):
        await eventually(lambda: waits.seconds)
    assert waits.seconds[0] == waited


async def test_after_a_failure_of_the_store_a_service_waits_for_a_second() -> None:
    """A disk that is full for hours must not cost a processor."""
    service = Counter(Script(StoreError("disk full")))
    service.wakeup = waits = Waits()
    async with at_work(service):
        await eventually(lambda: waits.seconds)
    assert waits.seconds[0] == 1.0


async def test_a_hand_over_wakes_each_of_several_services() -> None:
    services = [Counter(nothing), Counter(nothing)]
    hand_over = HandOver(services[0])
    hand_over.add(services[1])
    async with at_work(*services):
        for service in services:
            await rests(service, 1)
        hand_over()
        for service in services:
            await rests(service, 2)


class Finishing(Counter):
    def __init__(self, finish: Callable[[], Awaitable[None]]) -> None:
        super().__init__(nothing)
        self._finish = finish

    async def finish(self) -> None:
        await self._finish()


async def test_services_finish_side_by_side_before_they_are_cancelled() -> None:
    both = [anyio.Event(), anyio.Event()]
    services: list[Service] = []
    for mine, other in (both, reversed(both)):

        async def finish(mine: anyio.Event = mine, other: anyio.Event = other) -> None:
            mine.set()
            await other.wait()
            service.wake()
            await rests(service, 2)

        services.append(Finishing(finish))
    service = Counter(nothing)
    with anyio.fail_after(5):
        async with Crew().running([*services, service]):
            await rests(service, 1)
    assert service.rounds == 2, "the others still work meanwhile"


async def test_a_service_that_cannot_finish_is_cut_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "FINISH_SECONDS", 0.01)
    with anyio.fail_after(5):
        async with Crew().running([Finishing(anyio.sleep_forever)]):
            pass


async def test_a_service_that_leaves_finishes_first_and_the_others_go_on() -> None:
    crew, finished = Crew(), anyio.Event()
    leaving, other = Finishing(finished.wait), Counter(nothing)
    leaving.tick = other.tick = 0.01
    with anyio.fail_after(10):
        async with crew.running([leaving, other]):
            left = anyio.Event()
            crew.leave([leaving], left.set)
            await goes_on(leaving)
            assert not left.is_set()
            finished.set()
            await left.wait()
            rounds = leaving.rounds
            await goes_on(other)
            assert leaving.rounds == rounds, "it has ended, and no tick wakes it"
            crew.join(again := Counter(nothing))
            await rests(again, 1)


async def test_one_that_leaves_and_cannot_finish_is_cut_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "FINISH_SECONDS", 0.01)
    crew, hanging = Crew(), Finishing(anyio.sleep_forever)
    with anyio.fail_after(5):
        async with crew.running([hanging]):
            left = anyio.Event()
            crew.leave([hanging], left.set)
            await left.wait()
            assert hanging.rounds == 1, "its round was cut short"
