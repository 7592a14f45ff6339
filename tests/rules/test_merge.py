"""Rules of files and of the API are one set, and every place where they meet says which is which."""

from pathlib import Path

import pytest
from support.rules import AT, HEAD, NAMES, push, tag_config
from support.stored import DISABLED, document, notices_set, stored_rules, tag_config_document

from bridge.errors import ConfigError
from bridge.model.event import Repo
from bridge.model.repository import StoredRules
from bridge.rules.loader import load_files, load_rules
from bridge.rules.match import RuleSet
from bridge.rules.merge import RuleMerge, tag_names

ALICE = "API (alice, 2023-11-14T22:13:20Z)"
BOB = "bob (2023-11-14T22:14:20Z)"
CAROL = "API (carol, 2023-11-14T22:15:20Z)"
SHOP, TOOL = ("acme", "shop"), ("acme", "tool")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "rules.yaml"
    made.write_text(HEAD + tag_config())
    return made


def merged(file: Path, stored: StoredRules) -> RuleSet:
    return load_rules([file], NAMES, stored)


def faults(file: Path, stored: StoredRules) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        merged(file, stored)
    return [str(fault).replace(f"{file.parent}/", "") for fault in caught.value.faults]


def warnings(file: Path, stored: StoredRules) -> list[str]:
    return [str(one).replace(f"{file.parent}/", "") for one in merged(file, stored).warnings]


def test_both_are_in_force_and_say_where_they_are_from(file: Path) -> None:
    found = merged(file, stored_rules(document()))
    assert found.places == {SHOP: f"{file}:3:1", TOOL: ALICE}
    assert found.repositories[TOOL].build_config.builder == "jenkins", "the default is filled in"
    event = push(repo=Repo(full_name="acme/tool", clone_url="https://gitee.com/acme/tool.git"))
    assert [match.repository.repo_name for match in found.match("Gitee", event, AT).matches] == ["tool"]


def test_a_clash_names_the_file_and_who_made_the_other_and_the_cure(file: Path) -> None:
    (fault,) = faults(file, stored_rules(document("shop")))
    problem = f"rules.yaml:3:1: repo_name: acme/shop is defined here and also by the {ALICE}"
    cure = "remove it from the file, or delete the other one with DELETE /v1/repositories/acme/shop"
    assert fault == f"{problem}: {cure}"


def test_a_stored_document_has_the_same_faults_as_a_file(file: Path) -> None:
    cure = "(put right what it needs, or delete acme/tool: `buildbridge db delete acme/tool`)"
    bad = document("tool", tag_config_document(version_tagging=3), builder="jenkin")
    assert faults(file, stored_rules(bad)) == [
        (
            f"{ALICE}: build_config.tag_configs[0].version_tagging: "
            f"3 is not 0, 1 or 2: 0 none, 1 the time, 2 the commit id {cure}"
        )
    ]
    bad = document("tool", builder="jenkin")
    assert faults(file, stored_rules(bad)) == [
        f"{ALICE}: build_config.builder: there is no builder jenkin; did you mean jenkins? {cure}"
    ]


def test_two_rules_with_one_tag_are_a_warning_wherever_they_are(file: Path) -> None:
    twin = document("tool", image="acme/shop")
    (found,) = warnings(file, stored_rules(twin))
    assert found.startswith(f"{ALICE}: build_config.tag_configs[0]: acme/shop writes acme/shop:latest, too")


def test_a_damaged_document_is_left_out_with_the_cure_and_keeps_no_other_out(file: Path) -> None:
    stored = stored_rules('{"half', document("other"))
    assert list(merged(file, stored).repositories) == [SHOP, ("acme", "other")]
    assert warnings(file, stored) == [
        f"{ALICE}: acme/tool is damaged in the store and not in force: create it again by API"
    ]


def test_a_disabled_repository_is_inactive_for_pushes_and_schedules_and_says_why(file: Path) -> None:
    file.write_text(HEAD + tag_config() + "  schedule: [{cron: '0 3 * * *', branch: master}]\n")
    stored = stored_rules(shop=DISABLED)
    found = merged(file, stored)
    why = f"was disabled by {BOB}: it costs too much"
    assert [(one.tag_config, one.why) for one in found.match("Gitee", push(), AT).rejections] == [(None, why)]
    rule = found.repositories[SHOP]
    assert [config.is_active for config in rule.build_config.tag_configs] == [False]
    assert rule.build_config.schedule == ()
    assert found.match_by_hand(rule, push(), AT).matches, "a person can build it"
    assert warnings(file, stored) == [f"rules.yaml:3:1: acme/shop {why}"]
    assert found.api.before[SHOP] == merged(file, StoredRules()).repositories[SHOP]


def test_notices_of_the_api_take_the_place_of_those_of_the_rule(file: Path) -> None:
    stored = stored_rules(shop=notices_set({"notice_type": "DING_TALK"}))
    (notice,) = merged(file, stored).repositories[SHOP].notices or ()
    assert (notice.channel, notice.notice_type) == ("team", "DING_TALK")
    assert warnings(file, stored) == [f"rules.yaml:3:1: acme/shop has notices that were set by the {CAROL}"]
    assert merged(file, stored_rules(shop=notices_set())).repositories[SHOP].notices == ()
    (fault,) = faults(file, stored_rules(shop=notices_set({"channel": "tame"})))
    assert fault.endswith(f"{CAROL}: notices[0].channel: there is no channel tame; did you mean team?")


def test_settings_of_a_repository_that_is_gone_hold_for_nothing(file: Path) -> None:
    found = merged(file, stored_rules(gone=DISABLED))
    assert (list(found.repositories), found.warnings) == ([SHOP], ())


def test_no_rule_at_all_is_a_warning_only_where_the_store_has_none_either(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    assert [one.problem for one in merged(tmp_path / "rules", StoredRules()).warnings] == [
        "no rules here: nothing will be built"
    ]
    assert merged(tmp_path / "rules", stored_rules(document())).warnings == ()


def test_a_merge_again_gives_the_same_and_follows_what_was_changed(file: Path) -> None:
    merge, files = RuleMerge(), load_files([file], NAMES)
    first = merge(files, stored_rules(document()))
    assert merge(files, stored_rules(document())).repositories[TOOL] is first.repositories[TOOL]
    changed = merge(files, stored_rules(document("tool", tag_config_document("develop"))))
    assert str(changed.repositories[TOOL].build_config.tag_configs[0].refs) == "develop"
    assert list(merge(files, StoredRules()).repositories) == [SHOP]


def test_a_tag_config_is_the_same_as_long_as_its_ref_tag_and_paths_are(file: Path) -> None:
    def names(*tag_configs: str) -> tuple[str, ...]:
        file.write_text(HEAD + "".join(tag_configs))
        return tag_names(merged(file, StoredRules()).repositories[SHOP])

    (plain,) = names(tag_config())
    assert names(tag_config(is_active="false", version_tagging=1, paths="[web/**]")) == (plain,)
    others = [
        tag_config("develop"),
        tag_config(tag="next"),
        tag_config(kind="tag"),
        tag_config(build_context_path="/web"),
        tag_config(dockerfile_location="/web"),
    ]
    assert len({plain, *(names(other)[0] for other in others)}) == 6
    twice = names(tag_config(), tag_config())
    assert twice[0] == plain
    assert len(set(twice)) == 2
