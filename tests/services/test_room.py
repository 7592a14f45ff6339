"""No build starts while the disk is nearly full; that is told once, and builds go on when there is room."""

from pathlib import Path

import pytest
from support.scripted import ScriptedBuilder, Store
from support.services import triggering
from support.small_disk import small_disk

from bridge.errors import Transient
from bridge.model.build import BuildState
from bridge.model.notice import EventName
from bridge.planning.notice_policy import NoticePolicy
from bridge.services.health import DISK, PartHealth
from bridge.services.housekeeper import recover
from bridge.services.room import RESTORE_SECONDS, Room

ENDLESS = 1 << 62


@pytest.fixture
def builder() -> ScriptedBuilder:
    return ScriptedBuilder()


def room(store: Store, folder: Path, min_free: int, beside: Path | None = None) -> Room:
    return Room(folder, min_free, PartHealth(DISK, store.health, lambda: None), store.clock, beside)


async def test_builds_wait_while_a_disk_is_nearly_full_and_say_so(
    store: Store, builder: ScriptedBuilder, tmp_path: Path
) -> None:
    first = await store.add_build("1", tags=("1",))
    full = room(store, tmp_path, ENDLESS)
    async with triggering(store, builder, full) as harness:
        second = await store.add_build("2", tags=("2",))
        for _ in range(5):
            await harness.advance(15)
        assert builder.called("trigger") == []
        assert await harness.is_down(DISK)
    assert await store.events() == [EventName.DEGRADED]
    assert full.why == f"less than 4.295e+09 GiB are free on the disk of {tmp_path}: no build starts"
    for build in (first, second):
        assert (await store.build(build.id)).state is BuildState.WAITING
        steps = await store.builds.steps(build.id)
        assert [step.detail for step in steps].count(full.why) == 1
    async with triggering(store, builder, room(store, tmp_path, 1)):
        assert builder.called("trigger") == [first.id, second.id]
    assert await store.events() == [EventName.DEGRADED, EventName.RESTORED]


async def test_what_the_builder_only_keeps_goes_before_builds_wait(
    store: Store, builder: ScriptedBuilder, tmp_path: Path
) -> None:
    build = await store.add_build()
    with small_disk(tmp_path / "disk") as disk:
        kept = disk.fill()

        class Keeping(ScriptedBuilder):
            async def reclaim(self, *, everything: bool = False) -> None:
                await super().reclaim(everything=everything)
                kept.unlink()

        builder = Keeping()
        async with triggering(store, builder, room(store, disk.folder, disk.enough)):
            assert builder.called("trigger") == [build.id]
    assert builder.called("reclaim") == ["True"]
    assert await store.events() == []


async def test_room_that_comes_and_goes_is_told_once_and_each_time_used(
    store: Store, builder: ScriptedBuilder, tmp_path: Path
) -> None:
    with small_disk(tmp_path / "disk") as disk:
        async with triggering(store, builder, room(store, disk.folder, disk.enough)) as harness:
            for key in "123":
                file = disk.fill()
                build = await store.add_build(key, tags=(key,))
                await harness.advance(1)
                assert (await store.build(build.id)).state is BuildState.WAITING
                file.unlink()
                await harness.advance(1)
                assert (await store.build(build.id)).state is BuildState.QUEUED
            assert await store.events() == [EventName.DEGRADED]
            await harness.advance(RESTORE_SECONDS)
            assert await store.events() == [EventName.DEGRADED, EventName.RESTORED]


async def test_a_builder_that_cannot_give_back_anything_holds_nothing_up(
    store: Store, builder: ScriptedBuilder, tmp_path: Path
) -> None:
    class Failing(ScriptedBuilder):
        async def reclaim(self, *, everything: bool = False) -> None:
            raise Transient("the disk is gone")

    await store.add_build()
    async with triggering(store, Failing(), room(store, tmp_path, ENDLESS)) as harness:
        assert await harness.is_down(DISK)


async def test_a_restart_remembers_which_disks_were_full(store: Store) -> None:
    for part in (DISK, f"{DISK}:here", f"{DISK}:gone"):
        await store.health.degrade(part, "full")
    await recover(store, ["here"], ["message"], [], NoticePolicy(store.clock))
    assert [one.name for one in await store.health.all()] == [DISK, f"{DISK}:here"]


@pytest.mark.parametrize("min_free", [0, ENDLESS])
async def test_a_disk_that_is_not_to_be_watched(
    store: Store, builder: ScriptedBuilder, tmp_path: Path, min_free: int
) -> None:
    await store.add_build()
    beside = None if min_free == 0 else tmp_path / "not" / "there"
    async with triggering(store, builder, room(store, tmp_path / "nor" / "this", min_free, beside)):
        assert len(builder.called("trigger")) == 1
