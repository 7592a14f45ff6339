"""Settings of repositories that are changed by API, whoever does it and wherever the rule is."""

import json
from pathlib import Path
from typing import Any

import pytest
from support.keeping import keeper_of
from support.reloading import DEFAULT, rule
from support.rules import AT, push, tag_config
from support.scripted import START, Store
from support.stored import document, tag_config_document

from bridge.model.access import Principal, Role
from bridge.rules import merge
from bridge.services.reloader import Reloader
from bridge.web.api.core.errors import Conflict, Faulty, Forbidden, Invalid, NotFound, Unauthenticated
from bridge.web.api.core.repositories import RepositoryAccess

ADMIN = Principal(name="ada", role=Role.ADMIN)
MEMBER = Principal(name="max", role=Role.MEMBER, namespaces=frozenset({"acme"}))
VIEWER = Principal(name="vic", role=Role.VIEWER, namespaces=frozenset({"acme"}))
STRANGER = Principal(name="sam", role=Role.MEMBER, namespaces=frozenset({"globex"}))
SHOP, TOOL = ("acme", "shop"), ("acme", "tool")
HERE = "192.0.2.7"
TEAM = {"channel": "team", "notice_type": "DING_TALK", "only": "always", "remind": "14400s"}
MAIL = TEAM | {"channel": "mail", "notice_type": "MAIL"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "rules"
    made.mkdir()
    (made / "shop.yaml").write_text(rule("shop", tag_config(), tag_config("old", is_active="false")))
    return made


@pytest.fixture
async def keeper(store: Store, folder: Path) -> Reloader:
    return await keeper_of(store, folder, [DEFAULT])


@pytest.fixture
def access(keeper: Reloader) -> RepositoryAccess:
    return RepositoryAccess(keeper)


def active(keeper: Reloader, key: tuple[str, str]) -> list[bool]:
    return [one.is_active for one in keeper.rules.repositories[key].build_config.tag_configs]


def new(*tag_configs: dict[str, Any], **more: Any) -> dict[str, Any]:
    return document("tool", *tag_configs) | more


async def test_a_repository_of_a_file_is_disabled_and_enabled_as_it_was(
    store: Store, folder: Path, keeper: Reloader, access: RepositoryAccess
) -> None:
    ids = access.one(MEMBER, *SHOP).ids
    known = await access.disable(MEMBER, SHOP, "a release is near", HERE)
    disabled = known.override.disabled
    assert disabled
    assert (disabled.by, disabled.at, disabled.reason) == ("max", START, "a release is near")
    (rejection,) = keeper.rules.match("Gitee", push(), AT).rejections
    assert rejection.why == "was disabled by max (2023-11-14T22:13:20Z): a release is near"
    assert active(keeper, SHOP) == [False, False]
    later = await keeper_of(store, folder)
    assert later.rules.api.disabled(SHOP), "after a restart, too"
    assert later.in_force.ids[SHOP] == known.ids == ids
    assert (await access.enable(MEMBER, SHOP, HERE)).override.disabled is None
    assert active(keeper, SHOP) == [True, False]


async def test_enabling_what_was_never_active_makes_all_of_it_active_unless_a_file_says_otherwise(
    folder: Path, keeper: Reloader, access: RepositoryAccess
) -> None:
    off = tag_config_document(is_active=False)
    made = await access.create(MEMBER, "acme", new(off, tag_config_document("old", is_active=False)), HERE)
    await access.disable(MEMBER, TOOL, "", HERE)
    known = await access.enable(MEMBER, TOOL, HERE)
    assert active(keeper, TOOL) == [True, True]
    assert (known.ids, known.override.disabled) == (made.ids, None)
    (folder / "shop.yaml").write_text(rule("shop", tag_config(is_active="false")))
    await keeper.reload()
    with pytest.raises(Conflict, match=r"shop\.yaml:3:1: set is_active there"):
        await access.enable(MEMBER, SHOP, HERE)


async def test_a_disabled_repository_that_is_sent_back_as_it_was_shown_stays_what_it_was(
    keeper: Reloader, access: RepositoryAccess
) -> None:
    first = await access.create(
        MEMBER, "acme", new(tag_config_document(), tag_config_document("old", is_active=False)), HERE
    )
    await access.disable(MEMBER, TOOL, "", HERE)
    ids = first.ids.tag_configs
    shown = [{"id": number, "is_active": False, "docker_repo_tag": "next"} for number in ids]
    known = await access.replace_build_config(MEMBER, TOOL, {"tag_configs": shown}, HERE)
    assert known.override.disabled
    assert active(keeper, TOOL) == [False, False]
    await access.enable(MEMBER, TOOL, HERE)
    assert active(keeper, TOOL) == [True, False]
    assert {one.docker_repo_tag for one in known.repository.build_config.tag_configs} == {"next"}


async def test_a_tag_config_that_is_sent_as_active_ends_that_the_repository_is_disabled(
    keeper: Reloader, access: RepositoryAccess
) -> None:
    first = await access.create(MEMBER, "acme", new(tag_config_document(), tag_config_document("old")), HERE)
    await access.disable(MEMBER, TOOL, "", HERE)
    one, other = first.ids.tag_configs
    sent = [{"id": one, "is_active": False}, {"id": other, "is_active": True}]
    known = await access.replace_build_config(MEMBER, TOOL, {"tag_configs": sent}, HERE)
    assert known.override.disabled is None
    assert active(keeper, TOOL) == [False, True]


async def test_notices_are_set_channel_by_channel_and_begin_with_the_default_ones(
    keeper: Reloader, access: RepositoryAccess
) -> None:
    default = [event.value for event in DEFAULT.events]

    def settings() -> list[dict[str, Any]]:
        return [one.model_dump(mode="json") for one in keeper.rules.repositories[SHOP].notices or ()]

    fail = {"notice_type": "MAIL", "channel": "mail", "enabled_event_type_names": ["buildJobFail"]}
    known = await access.set_notices(MEMBER, SHOP, [fail | {"only": "changes"}], HERE)
    changed = known.override.notices
    assert changed
    assert (changed.by, changed.at) == ("max", START)
    of_mail = MAIL | {"only": "changes", "enabled_event_type_names": ["buildJobFail"]}
    assert settings() == [TEAM | {"enabled_event_type_names": default}, of_mail]
    both = {"channel": "mail", "enabled_event_type_names": ["buildJobFail", "buildJobSuccess"]}
    await access.set_notices(
        MEMBER, SHOP, [{"notice_type": "DING_TALK", "enabled_event_type_names": []}, both], HERE
    )
    assert settings() == [of_mail | {"enabled_event_type_names": ["buildJobFail", "buildJobSuccess"]}]
    await access.set_notices(MEMBER, SHOP, [both | {"enabled_event_type_names": []}], HERE)
    assert keeper.rules.repositories[SHOP].notices == (), "none, not the default ones"


@pytest.mark.parametrize(
    ("notice", "fault"),
    [
        ({"enabled_event_type_names": []}, "notices[0]: names no channel: give channel or notice_type"),
        ({"channel": "team"}, "notices[0].enabled_event_type_names: is missing"),
        (
            {"channel": "tame", "enabled_event_type_names": []},
            "notices[0].channel: there is no channel tame; did you mean team?",
        ),
        (
            {"channel": "team", "enabled_event_type_names": ["buildJobFial"]},
            "notices[0].enabled_event_type_names[0]: buildJobFial is not known; did you mean buildJobFail?",
        ),
    ],
)
async def test_a_faulty_notice_changes_nothing(
    store: Store, access: RepositoryAccess, notice: dict[str, Any], fault: str
) -> None:
    with pytest.raises(Faulty) as caught:
        await access.set_notices(MEMBER, SHOP, [notice], HERE)
    assert caught.value.faults == (f"the request: {fault}",)
    assert (await store.repositories.all()).overrides == {}


async def test_a_deleted_repository_leaves_no_settings_for_a_new_one(
    store: Store, keeper: Reloader, access: RepositoryAccess
) -> None:
    await access.create(MEMBER, "acme", new(), HERE)
    await access.disable(MEMBER, TOOL, "", HERE)
    await access.delete(MEMBER, TOOL, HERE)
    await access.create(MEMBER, "acme", new(), HERE)
    assert keeper.rules.api.disabled(TOOL) is None
    assert (await store.repositories.all()).overrides == {}


async def test_who_made_it_stays_when_another_changes_it(store: Store, access: RepositoryAccess) -> None:
    await access.create(MEMBER, "acme", new(), HERE)
    store.clock.advance(60)
    stored = (await access.replace_build_config(ADMIN, TOOL, {"concurrency": 1}, HERE)).stored
    assert stored
    assert (stored.created_by, stored.created_at, stored.updated_at) == ("max", START, START + 60)
    assert json.loads(stored.document)["build_config"]["concurrency"] == 1


async def test_only_members_change_and_no_one_sees_more_than_they_may(access: RepositoryAccess) -> None:
    await access.create(MEMBER, "acme", new(is_public=True), HERE)

    async def changes(caller: Principal | None, key: tuple[str, str]) -> None:
        await access.disable(caller, key, "", HERE)

    for caller, key, error in [
        (None, TOOL, Unauthenticated),
        (None, SHOP, NotFound),
        (STRANGER, TOOL, Forbidden),
        (STRANGER, SHOP, NotFound),
        (VIEWER, TOOL, Forbidden),
        (VIEWER, SHOP, Forbidden),
    ]:
        with pytest.raises(error):
            await changes(caller, key)
    with pytest.raises(Invalid, match="over 500 characters"):
        await access.disable(MEMBER, SHOP, "x" * 501, HERE)
    assert [one.repository.repo_name for one in access.page(STRANGER, size=20).rows] == ["tool"]
    assert [one.repository.repo_name for one in access.page(VIEWER, size=20).rows] == ["shop", "tool"]
    assert access.page(VIEWER, "globex", size=20).count == 0


async def test_one_repository_too_many_is_a_fault_of_the_request(
    keeper: Reloader, access: RepositoryAccess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merge, "MAX_REPOSITORIES", 1)
    with pytest.raises(Faulty, match="there are over 1 repositories"):
        await access.create(MEMBER, "acme", new(), HERE)
    assert list(keeper.rules.repositories) == [SHOP]


async def test_a_member_of_one_namespace_cannot_write_the_image_of_another(
    access: RepositoryAccess,
) -> None:
    taken = document("tool", image="acme/shop")
    taken.pop("namespace")
    with pytest.raises(Forbidden, match="another namespace writes the image acme/shop: give another one"):
        await access.create(STRANGER, "globex", taken, HERE)
    made = await access.create(ADMIN, "globex", taken, HERE)
    assert made.repository.image == "acme/shop"
    with pytest.raises(Forbidden):
        await access.replace_build_config(STRANGER, ("globex", "tool"), {"concurrency": 1}, HERE)
    await access.replace_build_config(STRANGER, ("globex", "tool"), {"image": "globex/tool"}, HERE)
