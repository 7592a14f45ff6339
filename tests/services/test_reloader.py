"""Rules that change on disk: all or nothing, with notices to those who asked, and never half written."""

import os
from pathlib import Path

import pytest
from support.reloading import reloading, rule
from support.rules import tag_config
from support.scripted import Store, failing

from bridge.errors import ConfigError, StoreError
from bridge.model.notice import EventName


async def test_nothing_is_reloaded_while_nothing_changes(store: Store, folder: Path) -> None:
    async with reloading(store, folder) as harness:
        before = harness.reloader.rules
        await harness.look(3)
        assert harness.reloader.rules is before
    assert (await harness.service_notices("team"), harness.calls) == ([], [])


async def test_a_rule_that_changes_is_in_force_and_reported_without_its_values(
    store: Store, folder: Path
) -> None:
    text = rule("shop", tag_config("develop", "{branch}")) + "  parameters: {TOKEN: something-secret}\n"
    async with reloading(store, folder) as harness:
        (folder / "shop.yaml").write_text(text)
        await harness.look()
        assert harness.pattern() == "develop"
    config = "build_config.tag_configs[0]"
    places = f"build_config.parameters.TOKEN, {config}.code_repo_type_value, {config}.docker_repo_tag"
    assert await harness.service_notices("team") == [
        (EventName.UPDATE_CONFIG, "acme/shop", f"changed: {places}")
    ]
    assert await harness.service_notices("message") == await harness.service_notices("team")
    assert "wake_notifiers" in harness.calls


async def test_rules_that_come_go_and_are_switched_off(store: Store, folder: Path) -> None:
    quiet = rule("quiet") + "notices: []\n"
    (folder / "quiet.yaml").write_text(quiet)
    (folder / "gone.yaml").write_text(rule("gone"))
    async with reloading(store, folder) as harness:
        (folder / "new.yml").write_text(rule("new"))
        (folder / "gone.yaml").unlink()
        (folder / "quiet.yaml").write_text(quiet.replace("'master'", "'main'"))
        (folder / "shop.yaml").write_text(rule("shop", tag_config(is_active="false")))
        await harness.look()
        assert harness.names() == ["new", "quiet", "shop"]
    noticed = [(event, subject) for event, subject, _ in await harness.service_notices("team")]
    assert noticed == [(EventName.FORBID, "acme/shop"), (EventName.DELETE, "acme/gone")]
    messages = [(event, subject) for event, subject, _ in await harness.service_notices("message")]
    assert messages == [(EventName.UPDATE_CONFIG, "acme/quiet"), *noticed]


async def test_a_faulty_set_changes_nothing_and_says_why(store: Store, folder: Path) -> None:
    async with reloading(store, folder) as harness:
        (folder / "shop.yaml").write_text(rule("shop", tag_config("develop")))
        (folder / "worse.yaml").write_text(rule("worse", tag_config(version_tagging=3)))
        await harness.look()
        assert (harness.names(), harness.pattern()) == (["shop"], "master")
        why = await harness.fault()
        assert why
        place = "worse.yaml, line 9: build_config.tag_configs[0].version_tagging"
        assert why.startswith(f"what was good stays in force: {place}: 3 is not 0, 1 or 2")
        assert str(folder) not in why
        await harness.look()
        assert [event for event, *_ in await harness.service_notices("message")] == [EventName.DEGRADED]

        (folder / "worse.yaml").write_text(rule("worse", tag_config(version_tagging=2)))
        await harness.look()
        assert (harness.names(), harness.pattern()) == (["shop", "worse"], "develop")
        assert await harness.fault() is None
    events = [event for event, *_ in await harness.service_notices("message")]
    assert events == [EventName.DEGRADED, EventName.UPDATE_CONFIG, EventName.RESTORED]


async def test_a_file_that_is_still_being_written_is_waited_for(store: Store, folder: Path) -> None:
    async with reloading(store, folder) as harness:
        for length in range(50, 300, 50):
            (folder / "shop.yaml").write_text(rule("shop", tag_config("develop"))[:length])
            await harness.look(1)
        assert await harness.fault() is None
        assert harness.pattern() == "master"


async def test_a_folder_that_is_swapped_by_its_link_is_seen(store: Store, tmp_path: Path) -> None:
    for name, branch in (("one", "master"), ("two", "develop")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "shop.yaml").write_text(rule("shop", tag_config(branch)))
    link = tmp_path / "rules"
    link.symlink_to("one")
    async with reloading(store, link) as harness:
        (tmp_path / "next").symlink_to("two")
        (tmp_path / "next").replace(link)
        await harness.look()
        assert harness.pattern() == "develop"


async def test_a_mounted_config_map_that_is_swapped_is_seen(store: Store, tmp_path: Path) -> None:
    """Files that are links through a hidden link, which is what moves."""
    mount = tmp_path / "rules"
    for name, branch in (("..1", "master"), ("..2", "develop")):
        (mount / name).mkdir(parents=True)
        (mount / name / "shop.yaml").write_text(rule("shop", tag_config(branch)))
    (mount / "..data").symlink_to("..1")
    (mount / "shop.yaml").symlink_to("..data/shop.yaml")
    async with reloading(store, mount) as harness:
        (mount / "..data_tmp").symlink_to("..2")
        (mount / "..data_tmp").replace(mount / "..data")
        await harness.look()
        assert harness.pattern() == "develop"


async def test_an_editor_that_replaces_the_file_by_another_of_the_same_size_and_time_is_seen(
    store: Store, folder: Path
) -> None:
    file = folder / "shop.yaml"
    async with reloading(store, folder) as harness:
        was = file.stat()
        (folder / ".shop.yaml.swp").write_text(rule("shop", tag_config("mister")))
        os.utime(folder / ".shop.yaml.swp", ns=(was.st_atime_ns, was.st_mtime_ns))
        (folder / ".shop.yaml.swp").replace(file)
        await harness.look()
        assert harness.pattern() == "mister"


async def test_a_chat_is_reported_of_few_among_many_and_how_many_more(store: Store, folder: Path) -> None:
    for number in range(50):
        (folder / f"{number:02}.yaml").write_text(rule(f"shop{number:02}"))
    async with reloading(store, folder) as harness:
        for number in range(50):
            (folder / f"{number:02}.yaml").unlink()
        await harness.look()
    noticed = await harness.service_notices("team")
    assert [subject for _, subject, _ in noticed[:20]] == [f"acme/shop{number:02}" for number in range(20)]
    assert noticed[20:] == [
        (
            EventName.UPDATE_CONFIG,
            "rules",
            "and 30 more repositories have changed: the log names them",
        )
    ]
    assert len(await harness.service_notices("message")) == 50


async def test_what_cannot_be_reported_is_not_taken_yet(store: Store, folder: Path) -> None:
    async with reloading(store, folder) as harness:
        (folder / "shop.yaml").write_text(rule("shop", tag_config("develop")))
        async with failing(store):
            with pytest.raises(StoreError):
                await harness.reloader.reload()
            assert harness.pattern() == "master"
        await harness.look()
        assert harness.pattern() == "develop"
    assert len(await harness.service_notices("team")) == 1


async def test_a_reload_by_hand_answers_what_it_found(store: Store, folder: Path) -> None:
    async with reloading(store, folder) as harness:
        (folder / "new.yaml").write_text(rule("new"))
        (folder / "shop.yaml").write_text(rule("shop", tag_config("develop")))
        changes = (await harness.reloader.reload()).rules.document(10)
        assert changes["added"] == ["acme/new"]
        assert changes["changed"] == {"acme/shop": ["build_config.tag_configs[0].code_repo_type_value"]}
        assert changes["counts"] == {"added": 1, "changed": 1, "forbidden": 0, "removed": 0}
        (folder / "new.yaml").write_text("nonsense: [")
        with pytest.raises(ConfigError):
            await harness.reloader.reload()
        assert harness.names() == ["new", "shop"]
