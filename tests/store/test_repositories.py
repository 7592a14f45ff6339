"""What is kept of repositories made by API, of changed settings, and of the numbers of all of them."""

from pathlib import Path

import pytest
from support.listed import newest_notices
from support.scripted import Store, failing, open_store
from support.stored import DISABLED, document, notices_set, put, stored
from support.trail import change_by

from bridge.errors import StoreError
from bridge.model.notice import EventName, Notice, ServiceFacts
from bridge.model.repository import Override, RepositoryChange, RepositoryIds
from bridge.store.values import NoticeFilter

TOOL, SHOP = ("acme", "tool"), ("acme", "shop")
NOTICE = Notice(
    id="n", channel="team", event=EventName.DELETE, facts=ServiceFacts(subject="x", detail="y"), created_at=1
)


async def test_a_change_is_kept_as_it_was_made_and_the_revision_grows(store: Store) -> None:
    assert await store.repositories.revision() == 0
    both = Override(disabled=DISABLED.disabled, notices=notices_set({"channel": "team"}).notices)
    await store.repositories.take({TOOL: ["a"]}, [], [], put(document(), override=both))
    found = await store.repositories.all()
    assert found.repositories == {TOOL: stored(document())}
    assert found.overrides == {TOOL: both}
    assert found.revision == await store.repositories.revision() == 1
    later = put(document(code_repo_name="other"))
    await store.repositories.take({TOOL: ["a"]}, [], [], later)
    found = await store.repositories.all()
    assert found.revision == 2
    assert found.repositories == {TOOL: later.repository}
    assert found.overrides == {}


async def test_a_number_stays_as_long_as_its_tag_config_and_is_never_given_again(store: Store) -> None:
    names = {TOOL: ["a", "b", "c"]}
    first = await store.repositories.take(names, [], [])
    kept = await store.repositories.take({TOOL: ["c", "a"]}, [], [])
    a, _, c = first[TOOL].tag_configs
    assert kept == {TOOL: RepositoryIds(first[TOOL].build_config, (c, a))}
    await store.repositories.take({}, [TOOL], [])
    again = await store.repositories.take(names, [], [])
    assert again[TOOL].build_config > first[TOOL].build_config
    assert min(again[TOOL].tag_configs) > max(first[TOOL].tag_configs)


async def test_a_change_says_which_tag_configs_keep_their_numbers(store: Store) -> None:
    first = await store.repositories.take({TOOL: ["a", "b"]}, [], [], put(document()))
    one, other = first[TOOL].tag_configs
    changed = {TOOL: ["b", "x", "a"]}
    swapped = await store.repositories.take(changed, [], [], put(document(), one, other, None))
    assert swapped[TOOL].tag_configs[:2] == (one, other)
    assert swapped[TOOL].tag_configs[2] > other
    assert await store.repositories.begin(changed, forget=True) == swapped


async def test_a_start_keeps_what_is_the_same_and_forgets_what_is_gone(tmp_path: Path) -> None:
    tags = {TOOL: ["a", "b"], SHOP: ["a"]}
    async with open_store(tmp_path) as store:
        first = await store.repositories.begin(tags, forget=True)
        change = RepositoryChange(key=SHOP, entry=change_by("bob"), repository=None, override=DISABLED)
        await store.repositories.take({}, [], [], change)
    async with open_store(tmp_path) as store:
        assert await store.repositories.begin(tags, forget=True) == first
        assert (await store.repositories.all()).overrides == {SHOP: DISABLED}
        assert await store.repositories.begin({}, forget=False) == {}
        assert (await store.repositories.all()).overrides == {SHOP: DISABLED}
        await store.repositories.begin({TOOL: ["b"]}, forget=True)
        assert (await store.repositories.all()).overrides == {}
        second = await store.repositories.begin(tags, forget=True)
    assert second[TOOL].tag_configs[1] == first[TOOL].tag_configs[1]
    assert second[TOOL].tag_configs[0] > max(first[TOOL].tag_configs)
    assert second[SHOP].build_config > first[SHOP].build_config


async def test_a_change_and_its_notices_are_written_together_or_not_at_all(store: Store) -> None:
    broken = put(document(), 1, 2)
    with pytest.raises(ValueError, match="zip"):
        await store.repositories.take({TOOL: ["a"]}, [], [NOTICE], broken)
    async with failing(store):
        with pytest.raises(StoreError):
            await store.repositories.take({TOOL: ["a"]}, [], [NOTICE], put(document()))
    assert (await store.repositories.all()).repositories == {}
    assert await newest_notices(store, 10, NoticeFilter()) == []
    await store.repositories.take({TOOL: ["a"]}, [], [NOTICE], put(document()))
    assert [row.notice.id for row in await newest_notices(store, 10, NoticeFilter())] == ["n"]


async def test_a_repository_that_is_deleted_takes_its_settings_along(store: Store) -> None:
    await store.repositories.take({TOOL: ["a"]}, [], [], put(document(), override=DISABLED))
    gone = RepositoryChange(key=TOOL, entry=change_by("alice"), repository=None)
    await store.repositories.take({}, [TOOL], [], gone)
    found = await store.repositories.all()
    assert (found.repositories, found.overrides) == ({}, {})
