"""What a new set of rules changes is listed by paths, and switching off is listed once."""

from pathlib import Path

from support.rules import HEAD, rules, rules_of, tag_config

from bridge.rules.diff import MAX_PATHS, Changes, compare
from bridge.rules.match import RuleSet

OFF = {"is_active": "false"}


def changes(folder: Path, old: tuple[str, ...], new: tuple[str, ...]) -> Changes:
    return compare(rules(folder, *old), rules(folder, *new))


def test_a_configuration_more_is_a_change_of_the_list(tmp_path: Path) -> None:
    (change,) = changes(tmp_path, (tag_config(),), (tag_config(), tag_config("dev", "dev"))).changed
    assert change.paths == ("build_config.tag_configs",)


def test_another_word_for_the_same_git_host_is_a_change_that_is_named(tmp_path: Path) -> None:
    now = HEAD + tag_config()
    former = now.replace("code_repo_client: Gitee\n", "code_repo_client: OSChina\n")
    (change,) = compare(rules_of(tmp_path, former), rules_of(tmp_path, now)).changed
    assert change.paths == ("build_config.code_repo_client",)


def test_only_what_was_active_is_switched_off(tmp_path: Path) -> None:
    on, off, other = tag_config(), tag_config(**OFF), tag_config("dev", **OFF)
    switched = changes(tmp_path, (on, off), (off, other))
    assert ([rule.path for rule in switched.forbidden], switched.changed) == (["acme/shop"], ())
    still_off = changes(tmp_path, (off,), (other,))
    assert (still_off.forbidden, len(still_off.changed)) == ((), 1)
    half = changes(tmp_path, (on, on), (on, other))
    assert (half.forbidden, len(half.changed)) == ((), 1)


def test_at_most_so_many_paths_are_listed(tmp_path: Path) -> None:
    old = tuple(tag_config(f"a{number}", f"t{number}") for number in range(MAX_PATHS + 1))
    new = tuple(tag_config(f"b{number}", f"t{number}") for number in range(MAX_PATHS + 1))
    (change,) = changes(tmp_path, old, new).changed
    assert len(change.paths) == MAX_PATHS


def named(folder: Path, *names: str) -> RuleSet:
    one = HEAD + tag_config()
    return rules_of(
        folder, "---\n".join(one.replace("repo_name: shop\n", f"repo_name: {name}\n") for name in names)
    )


def test_the_document_counts_all_and_names_the_first_of_each_sort(tmp_path: Path) -> None:
    found = compare(named(tmp_path, "a", "b", "c"), named(tmp_path, "c", "f", "e", "d")).document(2)
    assert (found["added"], found["removed"], found["changed"]) == (
        ["acme/d", "acme/e"],
        ["acme/a", "acme/b"],
        {},
    )
    assert found["counts"] == {"added": 3, "removed": 2, "forbidden": 0, "changed": 0}
