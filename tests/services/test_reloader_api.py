"""Changes by API: written with their notices first, then in force, one after the other."""

import threading
from pathlib import Path

import anyio
import pytest
from support.disks import FolderDisk
from support.held_writer import held_writer
from support.reloading import reloader, reloading, rule
from support.rules import NAMES, tag_config
from support.scripted import Store, beside, eventually, failing, open_store
from support.stored import DISABLED, document, put, tag_config_document
from support.trail import change_by

from bridge.errors import ConfigError, StoreError
from bridge.model.notice import EventName
from bridge.model.repository import NO_OVERRIDE, Override, RepositoryChange
from bridge.rules.in_force import InForce
from bridge.rules.loader import load_files
from bridge.rules.match import RuleSet
from bridge.rules.merge import FileRules
from bridge.services.reloader import RuleSources, begin

SHOP, TOOL = ("acme", "shop"), ("acme", "tool")


class To:
    """Decides for one change, and keeps the rules that it was asked with."""

    def __init__(self, change: RepositoryChange) -> None:
        self.change = change
        self.rules: RuleSet | None = None

    def __call__(self, in_force: InForce, _now: float) -> RepositoryChange:
        self.rules = in_force.rules
        return self.change


def overridden(override: Override) -> RepositoryChange:
    return RepositoryChange(key=SHOP, entry=change_by("bob"), repository=None, override=override)


async def test_a_change_is_in_force_and_in_the_store_when_the_call_returns(
    store: Store, folder: Path
) -> None:
    harness = reloader(store, folder)
    changes = await harness.reloader.change(To(put(document())))
    assert [one.path for one in changes.added] == ["acme/tool"]
    assert harness.names() == ["shop", "tool"]
    stored = await store.repositories.all()
    assert list(stored.repositories) == [TOOL]
    made = harness.reloader.in_force.ids[TOOL]
    assert harness.calls == ["on_reloaded", "wake_notifiers"]
    await harness.reloader.change(To(put(document("tool", tag_config_document("develop")))))
    await harness.reloader.change(To(RepositoryChange(key=TOOL, entry=change_by("alice"), repository=None)))
    assert harness.names() == ["shop"]
    assert TOOL not in harness.reloader.in_force.ids
    await harness.reloader.change(To(put(document())))
    again = harness.reloader.in_force.ids[TOOL]
    assert (again.build_config > made.build_config, again.tag_configs > made.tag_configs) == (True, True)
    by = ", by alice"
    assert await harness.service_notices("team") == [
        (
            EventName.UPDATE_CONFIG,
            "acme/tool",
            f"changed: build_config.tag_configs[0].code_repo_type_value{by}",
        ),
        (EventName.DELETE, "acme/tool", f"there is no rule for it any more{by}"),
    ]


async def test_disabling_and_enabling_a_repository_of_a_file_is_reported(store: Store, folder: Path) -> None:
    harness = reloader(store, folder)
    await harness.reloader.change(To(overridden(DISABLED)))
    assert harness.reloader.rules.api.disabled(SHOP)
    await harness.reloader.change(To(overridden(NO_OVERRIDE)))
    assert harness.reloader.rules.api.disabled(SHOP) is None
    by = ", by bob"
    assert await harness.service_notices("team") == [
        (EventName.FORBID, "acme/shop", f"nothing in its rule is active any more{by}"),
        (EventName.UPDATE_CONFIG, "acme/shop", f"changed: build_config.tag_configs[0].is_active{by}"),
    ]


async def test_a_faulty_change_changes_nothing_and_puts_nothing_out_of_order(
    store: Store, folder: Path
) -> None:
    async with reloading(store, folder) as harness:
        bad = put(document("tool", tag_config_document(version_tagging=3)))
        with pytest.raises(ConfigError, match="3 is not 0, 1 or 2"):
            await harness.reloader.change(To(bad))
        async with failing(store):
            with pytest.raises(StoreError):
                await harness.reloader.change(To(put(document())))
        assert harness.names() == ["shop"]
        assert (await store.repositories.all()).repositories == {}
        assert await harness.fault() is None


async def test_faulty_files_on_disk_keep_no_change_by_api_back(store: Store, folder: Path) -> None:
    async with reloading(store, folder) as harness:
        (folder / "shop.yaml").write_text(rule("shop", tag_config(version_tagging=3)))
        await harness.look()
        await harness.reloader.change(To(put(document())))
        assert harness.names() == ["shop", "tool"]
        assert await harness.fault(), "and they are still reported"
        (folder / "shop.yaml").write_text(rule("shop", tag_config("develop")))
        await harness.look()
        assert (harness.names(), harness.pattern()) == (["shop", "tool"], "develop")


async def test_a_file_that_defines_what_the_api_made_is_rejected_and_named(
    store: Store, folder: Path
) -> None:
    async with reloading(store, folder) as harness:
        await harness.reloader.change(To(put(document())))
        (folder / "tool.yaml").write_text(rule("tool"))
        await harness.look()
        why = await harness.fault()
        assert why
        assert "tool.yaml, line 3: repo_name: acme/tool is defined here and also by the API (alice, " in why
        await harness.reloader.change(
            To(RepositoryChange(key=TOOL, entry=change_by("alice"), repository=None))
        )
        await harness.reloader.reload()
        assert str(folder) in harness.reloader.rules.places[TOOL]
        assert await harness.fault() is None


async def test_what_another_process_changed_in_the_store_is_in_force_after_a_look(
    store: Store, folder: Path
) -> None:
    async with reloading(store, folder) as harness:
        async with beside(store) as other:
            await other.repositories.take({}, [], [], put(document()))
        await harness.look(1)
        assert harness.names() == ["shop", "tool"]
        before = harness.reloader.rules
        await harness.look(2)
        assert harness.reloader.rules is before, "nothing has changed since"


async def test_a_change_here_does_not_hide_one_of_another_process(store: Store, folder: Path) -> None:
    async with reloading(store, folder) as harness:
        await harness.settled()
        async with beside(store) as other:
            await other.repositories.take({}, [], [], put(document("other")))
        await harness.reloader.change(To(put(document())))
        await harness.look(1)
        assert harness.names() == ["other", "shop", "tool"]


async def test_what_another_process_spoiled_is_tried_once(store: Store, folder: Path) -> None:
    async with reloading(store, folder) as harness:
        async with beside(store) as other:
            await other.repositories.take({}, [], [], put(document("shop")))
        await harness.look(3)
        assert "acme/shop is defined here and also by" in (await harness.fault() or "")
        assert harness.calls.count("wake_notifiers") == 1


async def test_a_change_during_a_reload_waits_and_both_are_in_force(store: Store, folder: Path) -> None:
    loaded, go_on = threading.Event(), threading.Event()

    def load() -> FileRules:
        found = load_files([folder], NAMES)
        loaded.set()
        assert go_on.wait(10)
        return found

    harness = reloader(store, folder, load)
    (folder / "new.yaml").write_text(rule("new"))
    change = To(put(document()))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(harness.reloader.reload)
        await eventually(loaded.is_set)
        tasks.start_soon(harness.reloader.change, change)
        await anyio.wait_all_tasks_blocked()
        assert change.rules is None, "it is not asked for before the reload is done"
        go_on.set()
    assert harness.names() == ["new", "shop", "tool"]
    assert change.rules is not None
    assert ("acme", "new") in change.rules.repositories


async def test_a_caller_that_goes_away_leaves_what_is_written_in_force(store: Store, folder: Path) -> None:
    harness = reloader(store, folder)
    async with held_writer(store.database) as release, anyio.create_task_group() as tasks:
        tasks.start_soon(harness.reloader.change, To(put(document())))
        await eventually(lambda: store.database._queue._waiting)
        tasks.cancel_scope.cancel()
        release()
    assert (await store.repositories.all()).repositories
    assert harness.names() == ["shop", "tool"]


async def test_the_next_start_has_what_is_written(tmp_path: Path, folder: Path) -> None:
    """As after a crash between the store and the memory."""
    disk = FolderDisk(folder)
    async with open_store(tmp_path) as store:
        await store.repositories.take({}, [], [], put(document(), override=DISABLED))
    reported: list[RuleSet] = []
    async with open_store(tmp_path) as store:
        sources = await begin(disk, disk.load(), store.repositories, reported.append)
        assert reported == [sources.begun.rules]
        assert sources.begun.rules.api.disabled(TOOL)
        assert set(sources.begun.ids) == {SHOP, TOOL}


async def test_a_start_without_the_folder_of_the_rules_forgets_nothing(tmp_path: Path, folder: Path) -> None:
    """As where a volume is not mounted in time."""

    async def start(rules: Path) -> RuleSources:
        disk = FolderDisk(rules)
        async with open_store(tmp_path) as store:
            return await begin(disk, disk.load(), store.repositories, lambda _: None)

    (none := tmp_path / "not mounted").mkdir()
    first = (await start(folder)).begun
    async with open_store(tmp_path) as store:
        change = RepositoryChange(key=SHOP, entry=change_by("ann"), repository=None, override=DISABLED)
        await store.repositories.take({}, [], [], change)
    assert (await start(none)).begun.ids == {}
    last = (await start(folder)).begun
    assert last.ids == first.ids
    assert last.rules.api.disabled(SHOP)


async def test_a_folder_of_rules_that_is_gone_for_a_while_takes_nothing_with_it(
    store: Store, folder: Path
) -> None:
    """As where a volume is unmounted: what a person has disabled stays so, and numbers stay the same."""
    harness = reloader(store, folder)
    await harness.reloader.change(To(overridden(DISABLED)))
    await harness.reloader.change(To(put(document())))
    before = harness.reloader.in_force
    files = list(folder.glob("*.yaml"))  # noqa: ASYNC240  # a few
    texts = {file: file.read_text() for file in files}
    for file in files:
        file.unlink()
    await harness.reloader.reload()
    assert harness.names() == ["tool"]
    # What was made by API is deleted by API, files or not.
    await harness.reloader.change(To(RepositoryChange(key=TOOL, entry=change_by("alice"), repository=None)))
    for file, text in texts.items():
        file.write_text(text)
    await harness.reloader.reload()
    assert harness.reloader.rules.api.disabled(SHOP)
    assert harness.reloader.in_force.ids[SHOP] == before.ids[SHOP]
    await harness.reloader.change(To(put(document())))
    assert harness.reloader.in_force.ids[TOOL].build_config > before.ids[TOOL].build_config
