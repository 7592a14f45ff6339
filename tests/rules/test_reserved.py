"""A literal tag belongs to its rule: no branch and no Git tag takes it by being called like it."""

from pathlib import Path

import pytest
from support.rules import AT, HEAD, push, rules, rules_of, tag_config

from bridge.model.event import Repo
from bridge.rules.explain import evaluate
from bridge.rules.match import RuleSet

EVERY = (tag_config("**", "{branch}"), tag_config("**", "{tag}", "tag"))


def rule(*tag_configs: str, name: str = "shop", image: str = "acme/site", code: str = "shop-web") -> str:
    head = HEAD.replace("repo_name: shop\n", f"repo_name: {name}\n").replace("shop-web", code)
    return head.replace("  tag_configs:", f"  image: {image}\n  tag_configs:") + "".join(tag_configs)


def built(found: RuleSet, name: str, kind: str = "branch", code: str = "shop-web") -> dict[str, list[str]]:
    matches = found.match("Gitee", push(name, kind, repo=Repo(full_name=f"acme/{code}")), AT).matches
    return {match.repository.repo_name: list(match.tags) for match in matches}


def test_a_branch_or_tag_that_is_called_like_a_literal_tag_gets_another_and_says_so(tmp_path: Path) -> None:
    found = rules(tmp_path, tag_config(), *EVERY)
    given = set()
    for event in (push("latest"), push("latest", "tag"), push("/latest/")):
        (evaluation,) = evaluate("Gitee", [event], found, AT, "gitee")
        (match,) = evaluation.document()["matches"]
        (tag,) = match["tags"]
        assert tag.startswith("latest-")
        given.add(tag)
        assert match["notes"][0].startswith("latest is the tag of acme/shop, for the branch master: ")
        assert match["notes"][0].endswith(f"{event.ref.name} becomes {tag}")
        assert match["originals"] == {tag: event.ref.name}
    assert len(given) == 3
    assert built(found, "master") == {"shop": ["latest", "master"]}


@pytest.mark.parametrize("name", ["develop", "release/1.0"])
def test_a_ref_that_a_literal_tag_is_for_may_have_it_in_any_way(tmp_path: Path, name: str) -> None:
    found = rules(
        tmp_path,
        tag_config(name, name.rpartition("/")[2], is_active="false"),
        tag_config("**", "{branch}"),
        tag_config("release/*", "{1}"),
    )
    (match,) = found.match("Gitee", push(name), AT).matches
    assert (match.notes, match.tags[-1]) == ((), name.rpartition("/")[2])


def test_a_literal_tag_is_reserved_among_all_rules_with_the_image_and_no_other(tmp_path: Path) -> None:
    def other(**names: str) -> RuleSet:
        first = rule(tag_config(tag="stable"))
        return rules_of(tmp_path, f"{first}---\n{rule(*EVERY, name='tool', **names)}")

    assert built(other(code="tool"), "stable", code="tool")["tool"][0].startswith("stable-")
    assert built(other(code="tool"), "master", code="tool") == {"tool": ["master"]}
    assert built(other(image="acme/tool"), "stable") == {"tool": ["stable"]}
    assert built(other(), "master") == {"shop": ["stable"], "tool": ["master"]}


def test_a_version_that_would_take_a_literal_tag_gets_another(tmp_path: Path) -> None:
    found = rules(tmp_path, tag_config("lts", "1.4"), tag_config("v*", "{major}.{minor}", "tag"))
    assert built(found, "v1.5.0", "tag") == {"shop": ["1.5"]}
    assert built(found, "v1.4.2", "tag")["shop"][0].startswith("1.4-")


def test_what_a_person_asks_for_does_not_take_a_literal_tag(tmp_path: Path) -> None:
    first = rule(tag_config(tag="stable"))
    found = rules_of(tmp_path, f"{first}---\n{rule(*EVERY, name='tool', code='tool')}")
    (match,) = found.match_by_hand(found.repositories["acme", "tool"], push("stable"), AT).matches
    assert match.tags[0].startswith("stable-")
    assert match.notes == (
        f"stable is the tag of acme/shop, for the branch master: stable becomes {match.tags[0]}",
    )


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [
        (tag_config(), tag_config("develop"), "latest"),
        (tag_config("**", "{branch}"), tag_config("**", "{branch}"), "x"),
        (tag_config("release/*", "{1}"), tag_config("hotfix/*", "{1}"), "x"),
        (tag_config("**", "{branch}"), tag_config("main", "main"), "main"),
        (tag_config("**", "{short_sha}"), tag_config("**", "{short_sha}"), "0000000"),
        (tag_config("*", "{branch}"), tag_config("v*", "{tag}", "tag"), None),
        (tag_config("**", "{tag}", "tag"), tag_config("**", "{branch}"), "x"),
        (tag_config(), tag_config(tag="stable"), None),
        (tag_config(), tag_config(is_active="false"), None),
        (tag_config(), tag_config(code_repo_type="tag").replace("code_repo_type: branch, ", ""), "latest"),
    ],
)
def test_two_rules_that_write_one_tag_of_one_image_are_warned_about(
    tmp_path: Path, one: str, other: str, shared: str | None
) -> None:
    found = rules_of(tmp_path, f"{rule(one)}---\n{rule(other, name='tool')}")
    said = [warning.problem for warning in found.warnings]
    assert len(said) == (shared is not None)
    assert all(f"acme/shop writes acme/site:{shared}, too: their builds run one" in text for text in said)
    apart = rules_of(tmp_path, f"{rule(one)}---\n{rule(other, name='tool', image='acme/tool')}")
    assert apart.warnings == ()


def test_rules_for_other_code_share_no_commit_and_no_branch_of_a_literal_tag(tmp_path: Path) -> None:
    for one, other, count in [
        (tag_config("**", "{short_sha}"), tag_config("**", "{short_sha}"), 0),
        (tag_config("**", "{branch}"), tag_config("main", "main"), 0),
        (tag_config("**", "{branch}"), tag_config("**", "{branch}"), 1),
    ]:
        found = rules_of(tmp_path, f"{rule(one)}---\n{rule(other, name='tool', code='tool')}")
        assert len(found.warnings) == count


def test_the_warning_names_the_place_of_the_later_rule(tmp_path: Path) -> None:
    found = rules_of(
        tmp_path, f"{rule(tag_config())}---\n{rule(tag_config('x', 'x'), tag_config('y'), name='z')}"
    )
    (warning,) = found.warnings
    assert (warning.path, warning.place.rpartition(":")[0]) == (
        "build_config.tag_configs[1]",
        f"{tmp_path}/rules.yaml:22",
    )
