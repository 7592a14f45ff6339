"""Reloads that meet each other, an edit, or a store that fails: the newest good rules win."""

import threading
from collections.abc import Callable
from pathlib import Path

import anyio
import anyio.to_thread
import pytest
from support.reloading import reloader, reloading, rule
from support.rules import NAMES, tag_config
from support.scripted import Store, eventually, failing

from bridge.errors import ConfigError
from bridge.model.notice import EventName
from bridge.rules import files
from bridge.rules.loader import load_files
from bridge.rules.merge import FileRules


class Load:
    """Loads the rules; what a test wants to happen just after that, in the loading thread, comes once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.loads = 0
        self.then: Callable[[], object] | None = None

    def __call__(self) -> FileRules:
        self.loads += 1
        try:
            return load_files([self.folder], NAMES)
        finally:
            then, self.then = self.then, None
            if then is not None:
                then()


def edit(folder: Path, branch: str) -> None:
    (folder / "shop.yaml").write_text(rule("shop", tag_config(branch)))


def spoil(folder: Path) -> None:
    (folder / "shop.yaml").write_text(rule("shop", tag_config(version_tagging=3)))


async def test_a_faulty_set_is_tried_once_and_not_at_every_tick(store: Store, folder: Path) -> None:
    load = Load(folder)
    async with reloading(store, folder, load) as harness:
        spoil(folder)
        await harness.look(2)
        assert load.loads == 1
        await harness.look(4)
        assert load.loads == 1
        assert harness.calls.count("wake_notifiers") == 1


@pytest.mark.parametrize("first", [edit, spoil])
async def test_an_edit_while_the_rules_are_loading_is_taken_after_them(
    store: Store, folder: Path, first: Callable[..., None]
) -> None:
    load = Load(folder)
    async with reloading(store, folder, load) as harness:
        first(folder, *(["develop"] if first is edit else []))
        load.then = lambda: edit(folder, "late-develop")
        await harness.look(2)
        assert harness.pattern() == ("develop" if first is edit else "master")
        await harness.look(2)
        assert harness.pattern() == "late-develop"
        assert await harness.fault() is None


async def test_of_two_reloads_at_once_the_later_one_loads_later(store: Store, folder: Path) -> None:
    load = Load(folder)
    loaded, go_on = threading.Event(), threading.Event()
    threads = anyio.to_thread.current_default_thread_limiter()

    def wait() -> None:
        loaded.set()
        assert go_on.wait(10)

    load.then = wait
    harness = reloader(store, folder, load)
    edit(folder, "older")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(harness.reloader.reload)
        await eventually(loaded.is_set)
        edit(folder, "newer")
        tasks.start_soon(harness.reloader.reload)
        await anyio.wait_all_tasks_blocked()
        assert threads.statistics().borrowed_tokens == 1, (
            "the second one reads nothing until the first is done"
        )
        go_on.set()
    assert harness.pattern() == "newer"
    assert len(await harness.service_notices("team")) == 2


async def test_a_fault_that_could_not_be_reported_is_reported_later(store: Store, folder: Path) -> None:
    async with reloading(store, folder) as harness:
        spoil(folder)
        async with failing(store):
            await harness.look(2)
        assert await harness.fault() is None
        await harness.look(2)
        assert "3 is not 0, 1 or 2" in (await harness.fault() or "")
    assert [event for event, *_ in await harness.service_notices("message")] == [EventName.DEGRADED]


async def test_an_edit_that_could_not_be_reported_is_taken_at_a_later_tick(
    store: Store, folder: Path
) -> None:
    async with reloading(store, folder) as harness:
        edit(folder, "develop")
        async with failing(store):
            await harness.look(3)
            assert harness.pattern() == "master"
        await harness.look(2)
        assert harness.pattern() == "develop"
    assert len(await harness.service_notices("team")) == 1


async def test_files_that_cannot_be_looked_through_are_reported_like_a_fault_in_them(
    store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with reloading(store, folder) as harness:
        monkeypatch.setattr(files, "MAX_FILES", 1)
        (folder / "more.yaml").write_text(rule("more"))
        await harness.look(2)
        assert harness.names() == ["shop"]
        assert "there are over 1 rule files" in (await harness.fault() or "")
        assert harness.calls.count("wake_notifiers") == 1, "there is something to tell"


async def test_only_those_who_asked_for_an_event_are_reported_of_it(store: Store, folder: Path) -> None:
    own = "notices:\n- {channel: mail, notice_type: MAIL, enabled_event_type_names: [deleteJob]}\n"
    (folder / "own.yaml").write_text(rule("own") + own)
    async with reloading(store, folder) as harness:
        (folder / "own.yaml").write_text(rule("own", tag_config("develop")) + own)
        await harness.look(2)
        assert harness.pattern("own") == "develop"
        assert await harness.service_notices("mail") == []
        (folder / "own.yaml").unlink()
        await harness.look(2)
    assert [event for event, *_ in await harness.service_notices("mail")] == [EventName.DELETE]
    assert await harness.service_notices("team") == [], "its own settings hold"


async def test_a_reload_that_was_rejected_raises_and_the_next_tick_does_not_repeat_it(
    store: Store, folder: Path
) -> None:
    load = Load(folder)
    async with reloading(store, folder, load) as harness:
        spoil(folder)
        with pytest.raises(ConfigError):
            await harness.reloader.reload()
        await harness.look(3)
        assert load.loads == 1
