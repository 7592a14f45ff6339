import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from support.rules import HEAD, NAMES, rules, rules_of, tag_config
from support.users import open_to_all, unprivileged

from bridge.errors import ConfigError
from bridge.rules.checking import Names
from bridge.rules.files import MAX_FOLDERS_DEEP
from bridge.rules.loader import load_rules
from bridge.rules.match import RuleSet
from bridge.rules.schema import BuildRepository

ONE = HEAD + tag_config()


def write(file: Path, name: str = "shop", text: str = ONE) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text.replace("repo_name: shop\n", f"repo_name: {name}\n"), encoding="utf-8")
    return file


def names_of(found: RuleSet) -> set[str]:
    return {repo_name for _, repo_name in found.repositories}


def refusal(*paths: Path, names: Names = NAMES) -> str:
    with pytest.raises(ConfigError) as caught:
        load_rules(paths, names)
    return str(caught.value)


def test_files_and_folders_are_read_recursively_in_both_spellings(tmp_path: Path) -> None:
    single = write(tmp_path / "single.yaml", "a")
    write(tmp_path / "rules/b.yml", "b")
    write(tmp_path / "rules/deep/er/c.yaml", "c")
    write(tmp_path / "rules/readme.md", text="no rule")
    assert names_of(load_rules([single, tmp_path / "rules"], NAMES)) == {"a", "b", "c"}


def test_a_file_that_is_reached_twice_is_read_once(tmp_path: Path) -> None:
    file = write(tmp_path / "a.yaml", "a")
    (tmp_path / "b.yaml").symlink_to(file)
    assert names_of(load_rules([tmp_path, file], NAMES)) == {"a"}


def test_a_mounted_config_map_is_read_through_its_links_and_only_once(tmp_path: Path) -> None:
    write(tmp_path / "rules/..2024_01/shop.yaml", "a")
    (tmp_path / "rules/..data").symlink_to("..2024_01")
    (tmp_path / "rules/shop.yaml").symlink_to("..data/shop.yaml")
    assert names_of(load_rules([tmp_path / "rules"], NAMES)) == {"a"}


def test_a_folder_that_links_to_itself_is_no_trap(tmp_path: Path) -> None:
    write(tmp_path / "rules/a.yaml", "a")
    (tmp_path / "rules/loop").symlink_to(tmp_path / "rules")
    assert names_of(load_rules([tmp_path / "rules"], NAMES)) == {"a"}


def test_a_folder_in_it_may_be_a_link_that_is_swapped(tmp_path: Path) -> None:
    write(tmp_path / "1/a.yaml", "a")
    write(tmp_path / "2/a.yaml", "b")
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules/team").symlink_to("../1")
    first = load_rules([tmp_path / "rules"], NAMES)
    (tmp_path / "next").symlink_to("../2")
    (tmp_path / "next").replace(tmp_path / "rules/team")
    second = load_rules([tmp_path / "rules"], NAMES)
    assert (names_of(first), names_of(second)) == ({"a"}, {"b"})
    assert first.fingerprint != second.fingerprint


def test_the_folder_itself_may_be_a_link(tmp_path: Path) -> None:
    write(tmp_path / "real/a.yaml", "a")
    (tmp_path / "rules").symlink_to("real")
    assert names_of(load_rules([tmp_path / "rules"], NAMES)) == {"a"}


def test_folders_nested_too_deep_are_a_fault(tmp_path: Path) -> None:
    write(tmp_path.joinpath(*["d"] * (MAX_FOLDERS_DEEP + 1)) / "a.yaml")
    assert "folders are nested over 16 deep" in refusal(tmp_path)


def test_folders_nested_as_deep_as_is_allowed_are_read(tmp_path: Path) -> None:
    write(tmp_path.joinpath(*["d"] * MAX_FOLDERS_DEEP) / "a.yaml", "deep")
    assert names_of(load_rules([tmp_path], NAMES)) == {"deep"}


def test_a_path_that_is_not_there_is_a_fault(tmp_path: Path) -> None:
    assert refusal(tmp_path / "absent").endswith(
        "absent: cannot be read: No such file or directory: create it, or correct what names it"
    )


def test_a_link_to_nowhere_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").symlink_to("absent")
    assert refusal(tmp_path).endswith(
        "a.yaml: cannot be read: No such file or directory: create it, or correct what names it"
    )


def test_a_folder_that_may_not_be_read_is_a_fault() -> None:
    with open_to_all() as base, unprivileged():
        (base / "good.yaml").write_text(ONE)
        closed = base / "closed"
        closed.mkdir(mode=0)
        with pytest.raises(ConfigError, match="closed: cannot be read: Permission denied"):
            load_rules([base], NAMES)


def test_a_named_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.yaml")
    assert refusal(tmp_path).endswith("a.yaml: is not a file")


def test_too_many_files_are_a_fault(tmp_path: Path) -> None:
    for number in range(10_001):
        (tmp_path / f"{number}.yaml").touch()
    assert "there are over 10000 rule files" in refusal(tmp_path)


def test_a_repository_that_two_files_define_is_reported_with_both_places(tmp_path: Path) -> None:
    first, second = write(tmp_path / "a.yaml"), write(tmp_path / "b.yaml")
    fault = refusal(tmp_path)
    assert fault == f"{second}:3:1: repo_name: acme/shop is defined twice; the first is at {first}:3:1"


def test_the_faults_of_all_files_are_reported_at_once(tmp_path: Path) -> None:
    write(tmp_path / "a.yaml", text="namespace: acme\n")
    write(tmp_path / "b.yaml", text="a: [\n")
    write(tmp_path / "c.yaml", text=ONE + "  builder: nobody\nnotices: [{channel: nowhere}]\n")
    lines = refusal(tmp_path).splitlines()
    assert [line.rpartition("/")[2].partition(":")[0] for line in lines] == [
        "a.yaml", "a.yaml", "b.yaml", "c.yaml", "c.yaml",
    ]  # fmt: skip


def test_rules_without_any_builder_are_a_fault(tmp_path: Path) -> None:
    fault = refusal(write(tmp_path / "a.yaml"), names=replace(NAMES, builders=()))
    assert "build_config.builder: no builder is configured: add one to builders in bridge.yaml" in fault


def test_a_rule_that_names_no_builder_gets_the_first_one(tmp_path: Path) -> None:
    first = rules(tmp_path, tag_config(), names=replace(NAMES, builders=("zeta", "alpha")))
    named = rules(tmp_path, tag_config(), "  builder: here\n")
    assert [_only(found).build_config.builder for found in (first, named)] == ["zeta", "here"]


def _only(found: RuleSet) -> BuildRepository:
    (repository,) = found.repositories.values()
    return repository


def test_a_notice_may_name_its_channel_its_type_or_both(tmp_path: Path) -> None:
    text = ONE + "notices: [{channel: team}, {notice_type: DING_TALK}, {channel: mail, notice_type: MAIL}]\n"
    notices = _only(rules_of(tmp_path, text)).notices or ()
    assert [(notice.channel, notice.notice_type) for notice in notices] == [
        ("team", "DING_TALK"), ("team", "DING_TALK"), ("mail", "MAIL"),
    ]  # fmt: skip


def test_no_notices_and_an_empty_list_of_notices_are_two_things(tmp_path: Path) -> None:
    assert _only(rules_of(tmp_path, ONE)).notices is None
    assert _only(rules_of(tmp_path, ONE + "notices: []\n")).notices == ()


@pytest.mark.parametrize(("old", "kind"), [("OSChina", "Gitee"), ("GitCafe", "Coding")])
def test_the_old_names_of_git_hosts_are_understood(tmp_path: Path, old: str, kind: str) -> None:
    found = rules_of(tmp_path, ONE.replace("Gitee", old))
    assert _only(found).build_config.code_repo_client == kind


def test_the_words_of_the_old_documents_that_say_nothing_here_are_accepted(tmp_path: Path) -> None:
    text = ONE + "  build_node: in\n  email_enabled: false\nfull_description: ''\nis_public: true\n"
    found = rules_of(tmp_path, text)
    assert _only(found).is_public
    warned = [str(warning).partition("build_config.")[2] for warning in found.warnings]
    assert warned == ["build_node: has no effect: the builder decides where it builds"]
    warned = [str(warning) for warning in rules_of(tmp_path, text.replace("false", "true")).warnings]
    assert "email_enabled: has no effect: add a notice of type MAIL to `notices`" in warned[1]


def test_paths_are_brought_into_one_form(tmp_path: Path) -> None:
    config = tag_config(build_context_path="web//app/", dockerfile_location="./docker/")
    tag = _only(rules(tmp_path, config)).build_config.tag_configs[0]
    assert (tag.build_context_path, tag.dockerfile_location) == ("/web/app", "/docker")


def test_two_configurations_that_give_the_same_tag_are_warned_about(tmp_path: Path) -> None:
    found = rules(tmp_path, tag_config(), tag_config(tag="other"), tag_config(build_context_path="/web"))
    (warning,) = found.warnings
    assert warning.warning
    assert str(warning).endswith(
        "rules.yaml:11:5: build_config.tag_configs[2]: tag_configs[0] and [2] both build master into latest, "
        "in two builds: the later one has the tag"
    )


def _listed(*values: str) -> str:
    return tag_config().replace("'master'", json.dumps(values))


@pytest.mark.parametrize(
    ("one", "other", "common"),
    [
        (tag_config("release/*", "{1}"), tag_config("release/1.0", "1.0"), "release/1.0 into 1.0"),
        (tag_config("release/1.0", "1.0"), tag_config("/release/(.*)/", "{1}"), "release/1.0 into 1.0"),
        (tag_config("**", "{branch}"), tag_config("feature/*", "{branch}"), "feature/x into feature-x"),
        (tag_config("v*", "{1}", "tag"), tag_config("v?.*", "{major}.2.3", "tag"), "v1.2.3 into 1.2.3"),
        (tag_config("v[0-9]", "x"), tag_config("v?", "x"), "v0 into x"),
        (
            tag_config(),
            tag_config(paths="['web/**']", build_context_path="/web"),
            "master into latest, in two",
        ),
        (tag_config("dev"), _listed("master", "dev"), "dev into latest"),
        (_listed("**", "!dev"), tag_config("dev"), None),
        (tag_config(), tag_config("dev"), None),
        (tag_config("v*", "{major}", "tag"), tag_config("v*", "{major}.{minor}", "tag"), None),
        (tag_config("master"), tag_config("master", kind="tag"), None),
        (tag_config(), tag_config(is_active="false"), None),
        (tag_config(paths="['web/**']"), tag_config(paths="['api/**']"), None),
        (tag_config("/a.*/"), tag_config("/ab*/"), None),
    ],
)
def test_what_two_configurations_have_in_common_is_found(
    tmp_path: Path, one: str, other: str, common: str | None
) -> None:
    fault = [warning.problem for warning in rules(tmp_path, one, other).warnings]
    assert len(fault) == (common is not None)
    assert common is None or common in fault[0]


def test_a_rule_for_a_host_that_no_source_listens_to_is_warned_about(tmp_path: Path) -> None:
    (warning,) = rules_of(tmp_path, ONE.replace("Gitee", "GitHub")).warnings
    assert warning.problem == "no source of kind GitHub is configured: no push will arrive"


def test_a_schedule_for_a_branch_that_only_tags_are_called_is_warned_about(tmp_path: Path) -> None:
    head = HEAD.replace("  tag_configs:", "  schedule: [{cron: '0 3 * * *', branch: main}]\n  tag_configs:")
    assert rules(tmp_path, tag_config("main"), head=head).warnings == ()
    (warning,) = rules(tmp_path, tag_config("main", kind="tag"), head=head).warnings
    assert "no tag_config is for the branch main" in warning.problem


def test_code_is_the_same_for_all_rules_of_one_repository_and_of_no_other(tmp_path: Path) -> None:
    def code(client: str = "Gitee", name: str = "shop-web") -> str:
        head = HEAD.replace("Gitee", client).replace("shop-web", name)
        return _only(rules(tmp_path, tag_config(), head=head)).build_config.code_repository

    assert code() == code(name="SHOP-Web")
    assert len({code(), code(name="shop"), code("GitHub"), code("GitHub", "shop")}) == 4


def test_a_folder_without_rules_is_warned_about(tmp_path: Path) -> None:
    (warning,) = load_rules([tmp_path], NAMES).warnings
    assert warning.warning
    assert warning.problem == "no rules here: nothing will be built"


def test_rules_that_say_the_same_are_equal_and_others_are_not(tmp_path: Path) -> None:
    first, same = rules(tmp_path, tag_config()), rules(tmp_path, tag_config())
    other = rules(tmp_path, tag_config(is_active="false"))
    assert _only(first) == _only(same) != _only(other)
    assert first.repository("acme", "nothing") is None


def test_a_rule_has_a_json_schema(tmp_path: Path) -> None:
    schema = BuildRepository.model_json_schema()
    assert schema["required"] == ["namespace", "repo_name", "build_config"]
    assert schema["additionalProperties"] is False
    assert schema["$defs"]["TagConfig"]["properties"]["version_tagging"]["enum"] == [0, 1, 2]


def test_a_fault_shows_a_hostile_key_in_one_short_line(tmp_path: Path) -> None:
    found = refusal(write(tmp_path / "a.yaml", text=f'{ONE}\n? "x\\u202e\\n{"k" * 100_000}"\n: 1\n'))
    assert "x??kkk" in found
    assert len(found) < 1000
