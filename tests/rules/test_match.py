import time
from pathlib import Path

import pytest
from support.rules import AT, HEAD, SHA, push, rules, rules_of, tag_config

from bridge.model.event import Repo
from bridge.rules.match import Matching, RuleSet, match_repository


def why(matching: Matching) -> list[tuple[int | None, str]]:
    assert matching.matches == ()
    return [(rejection.tag_config, rejection.why) for rejection in matching.rejections]


def test_a_push_of_the_named_branch_makes_one_build(tmp_path: Path) -> None:
    found = rules(tmp_path, tag_config(version_tagging=1, dockerfile_location="/docker"))
    (match,) = found.match("Gitee", push(), AT).matches
    assert match.repository is found.repository("acme", "shop")
    assert (match.tags, dict(match.originals), match.version_tagging) == (("latest",), {}, 1)
    assert (match.context, match.dockerfile, match.builder) == ("/", "/docker", "jenkins")
    assert (match.image, match.tag_configs, match.ref.full) == ("acme/shop", (0,), "refs/heads/master")


def test_the_case_of_the_host_repository_makes_no_difference_but_that_of_the_ref_does(tmp_path: Path) -> None:
    found = rules(tmp_path, tag_config())
    assert found.match("Gitee", push(repo=Repo(full_name="ACME/SHOP-WEB")), AT).matches
    assert why(found.match("Gitee", push("Master"), AT)) == [(0, "Master does not match master")]


def test_an_azure_project_may_have_spaces_in_its_name(tmp_path: Path) -> None:
    head = HEAD.replace("Gitee", "AzureDevOps").replace("Acme", "Clay Works").replace("shop-web", "The Kiln")
    found = rules(tmp_path, tag_config(), head=head)
    assert found.match("AzureDevOps", push(repo=Repo(full_name="Clay Works/The Kiln")), AT).matches


@pytest.mark.parametrize(
    ("kind", "name"), [("GitHub", "acme/shop-web"), ("Gitee", "acme/shop"), ("Gitee", "")]
)
def test_a_push_of_other_code_meets_no_rule(tmp_path: Path, kind: str, name: str) -> None:
    found = rules(tmp_path, tag_config("**", "x"))
    met = found.match(kind, push(repo=Repo(full_name=name)), AT)
    assert (met.matches, met.rejections) == ((), ())


@pytest.mark.parametrize("count", [0, 300], ids=["few", "many"])
def test_the_rule_that_may_have_been_meant_is_named_with_its_place(tmp_path: Path, count: int) -> None:
    """Among many rules only those for a repository of the same name, elsewhere."""
    heads = (
        HEAD.replace(": shop\n", f": shop-{one}\n").replace("shop-web", f"o-{one}") for one in range(count)
    )
    found = rules_of(tmp_path, "---".join(head + tag_config() for head in (HEAD, *heads)))
    (near, *_) = found.match("Gitee", push(repo=Repo(full_name="Akme/Shop-Web")), AT).nearest
    assert str(near) == f"acme/shop ({tmp_path / 'rules.yaml'}:3:1): builds from Gitee Acme/shop-web"


def test_each_configuration_that_does_not_build_says_the_first_reason(tmp_path: Path) -> None:
    found = rules(
        tmp_path,
        tag_config("v*", "{tag}", "tag"),
        tag_config("develop"),
        tag_config(is_active="false"),
        tag_config("**", "{major}"),
    )
    assert why(found.match("Gitee", push(), AT)) == [
        (0, "wants a tag, master is a branch"),
        (1, "master does not match develop"),
        (2, "is not active"),
        (3, "master is not a semantic version"),
    ]


def test_configurations_with_the_same_context_and_dockerfile_make_one_build_with_several_tags(
    tmp_path: Path,
) -> None:
    found = rules(
        tmp_path,
        tag_config("v*", "{major}.{minor}", "tag"),
        tag_config("v*", "{major}", "tag", build_context_path="/web"),
        tag_config("v*", "v{1}", "tag", dockerfile_location="/"),
        tag_config("v*", "{tag}", "tag"),
    )
    first, second = found.match("Gitee", push("v1.2.3", "tag"), AT).matches
    assert (first.tags, first.tag_configs, first.context) == (("1.2", "v1.2.3"), (0, 2, 3), "/")
    assert (second.tags, second.tag_configs, second.context) == (("1",), (1,), "/web")


@pytest.mark.parametrize(
    ("asked", "tagging", "tags"),
    [((0, 0), 0, ("a", "b")), ((0, 2), 2, ("a", "b")), ((1, 0), 1, ("a", "b")), ((2, 1), 1, ("a", "b", SHA))],
)
def test_a_build_has_one_version_tag_and_loses_none(
    tmp_path: Path, asked: tuple[int, int], tagging: int, tags: tuple[str, ...]
) -> None:
    first, second = asked
    found = rules(
        tmp_path, tag_config(tag="a", version_tagging=first), tag_config(tag="b", version_tagging=second)
    )
    (match,) = found.match("Gitee", push(), AT).matches
    assert (match.version_tagging, match.tags) == (tagging, tags)


def test_a_tag_that_had_to_be_changed_keeps_its_original_beside_it(tmp_path: Path) -> None:
    found = rules(tmp_path, tag_config("**", "{branch}"), tag_config("**", "fixed"))
    (match,) = found.match("Gitee", push("feature/登录-x"), AT).matches
    assert match.tags == ("feature-x-ae116723", "fixed")
    assert dict(match.originals) == {"feature-x-ae116723": "feature/登录-x"}


def test_a_tag_written_out_in_the_rule_is_taken_as_it_is(tmp_path: Path) -> None:
    (match,) = rules(tmp_path, tag_config(tag="a--b.")).match("Gitee", push(), AT).matches
    assert match.tags == ("a--b.",)


@pytest.mark.parametrize(("namespace", "full_name"), [("", "Beacon"), ("rpms", "rpms/beacon")])
def test_a_repository_of_pagure_may_stand_in_no_namespace(
    tmp_path: Path, namespace: str, full_name: str
) -> None:
    line = f"  code_repo_namespace: {namespace}\n" if namespace else ""
    head = HEAD.replace("Gitee", "Pagure").replace("  code_repo_namespace: Acme\n", line)
    found = rules(tmp_path, tag_config(), head=head.replace("shop-web", "beacon"))
    event = push(repo=Repo(full_name=full_name, clone_url="https://pagure.example/beacon.git"))
    assert found.match("Pagure", event, AT).matches
    assert why(found.explain("Gitee", event, AT)) == [(None, f"builds from Pagure {full_name.lower()}")]


@pytest.mark.parametrize(
    "message", ["fix [skip ci]", "[ci skip]", "fix\n\nlong text [no ci] more", "[Skip CI] fix"]
)
def test_a_skip_marker_in_the_head_commit_builds_nothing_and_is_said(tmp_path: Path, message: str) -> None:
    found = rules(tmp_path, tag_config(), tag_config("x"))
    ((index, reason),) = why(found.match("Gitee", push(message=message), AT))
    assert index is None
    assert reason.lower().startswith("the head commit's message holds [")


@pytest.mark.parametrize(
    ("setting", "built"), [("true", set()), ("tags", {"v1"}), ("false", {"v1", "master"})]
)
def test_a_rule_says_whether_skip_markers_count(tmp_path: Path, setting: str, built: set[str]) -> None:
    head = HEAD.replace("  tag_configs:", f"  skip_markers: {setting}\n  tag_configs:")
    found = rules(tmp_path, tag_config(), tag_config("v*", "{tag}", "tag"), head=head)
    message = "chore(release): 1.0.0 [skip ci]"
    pushes = [push(message=message), push("v1", "tag", message=message)]
    assert {event.ref.name for event in pushes if found.match("Gitee", event, AT).matches} == built
    assert all(found.match("Gitee", event, AT).matches for event in [push(), push("v1", "tag")])


@pytest.mark.parametrize("message", ["skip ci", "[skip-ci]", "(skip ci)", "[skip  ci]", ""])
def test_what_is_no_skip_marker_builds(tmp_path: Path, message: str) -> None:
    assert rules(tmp_path, tag_config()).match("Gitee", push(message=message), AT).matches


@pytest.mark.parametrize(
    ("name", "reason"),
    [("登" * 400, "the ref's name is over 1 KiB"), ("\ud800", "the ref's name is not UTF-8 text")],
)
def test_a_monstrous_ref_is_turned_away(tmp_path: Path, name: str, reason: str) -> None:
    assert why(rules(tmp_path, tag_config("**", "x")).match("Gitee", push(name), AT)) == [(None, reason)]


def test_a_ref_of_1_kib_is_still_built(tmp_path: Path) -> None:
    (match,) = rules(tmp_path, tag_config("**", "x")).match("Gitee", push("登" * 341 + "x"), AT).matches
    assert match.tags == ("x",)


def test_what_a_person_asks_for_is_built_whatever_was_changed(tmp_path: Path) -> None:
    repository = rules(tmp_path, tag_config(paths="['web/**']")).repository("acme", "shop")
    assert repository is not None
    for changed in (("README.md",), ()):
        assert match_repository(repository, push(changed=changed), AT).matches == ()
        assert len(match_repository(repository, push(changed=changed), AT, by_hand=True).matches) == 1


def test_what_a_person_asks_for_is_built_although_it_is_not_active(tmp_path: Path) -> None:
    found = rules(tmp_path, tag_config(is_active="false"))
    repository = found.repository("acme", "shop")
    assert repository is not None
    assert match_repository(repository, push(), AT).matches == ()
    assert len(match_repository(repository, push(), AT, by_hand=True).matches) == 1
    assert len(match_repository(repository, push(message="[skip ci]"), AT, by_hand=True).matches) == 1


SIMPLE = """
namespace: acme
repo_name: shop
build_config:
  code_repo_client: Simple
  code_repo_clone_url: {url}
  tag_configs:
"""


@pytest.mark.parametrize(
    ("configured", "pushed", "same"),
    [
        ("https://git.example.com/shop.git", "HTTPS://Git.Example.com/shop", True),
        ("https://git.example.com/shop", "https://git.example.com:443/shop.git/", True),
        ("https://git.example.com/shop", "https://user@git.example.com/shop", True),
        ("https://git.example.com/shop", "https://git.example.com/Shop", False),
        ("https://git.example.com/shop", "http://git.example.com/shop", False),
        ("https://git.example.com:8443/shop", "https://git.example.com/shop", False),
        ("git@git.example.com:acme/shop.git", "ssh://git@GIT.example.com/acme/shop", True),
        ("/srv/git/shop.git", "file:///srv/git/shop.git", True),
        ("https://git.example.com/shop", "https://git.example.com:x/shop", False),
        ("https://git.example.com/shop", "nonsense", False),
        ("https://git.example.com/shop", None, False),
    ],
)
def test_simple_repositories_are_found_by_their_clone_address(
    tmp_path: Path, configured: str, pushed: str | None, same: bool
) -> None:
    found = rules(tmp_path, tag_config(), head=SIMPLE.format(url=configured))
    event = push(repo=Repo(full_name="any/thing", clone_url=pushed))
    assert bool(found.match("Simple", event, AT).matches) == same


def test_several_repositories_may_build_from_the_same_code(tmp_path: Path) -> None:
    one = HEAD + tag_config()
    found = rules_of(tmp_path, one + "---\n" + one.replace("repo_name: shop\n", "repo_name: debug\n"))
    assert [match.image for match in found.match("Gitee", push(), AT).matches] == ["acme/shop", "acme/debug"]


def test_explain_says_of_every_rule_why_it_does_not_build(tmp_path: Path) -> None:
    one = HEAD + tag_config()
    other = one.replace("repo_name: shop\n", "repo_name: debug\n").replace("shop-web", "other")
    found = rules_of(tmp_path, one + "---\n" + other)
    explained = found.explain("Gitee", push(), AT)
    assert len(explained.matches) == 1
    (rejection,) = explained.rejections
    assert (rejection.repo_name, rejection.tag_config, rejection.why) == (
        "debug",
        None,
        "builds from Gitee Acme/other",
    )


def test_the_time_to_match_does_not_grow_with_the_number_of_rules(tmp_path: Path) -> None:
    few, many = _copies(tmp_path, 10), _copies(tmp_path, 10_000)
    assert len(many.match("Gitee", push(), AT).matches) == 1
    assert _fastest(many) <= 3 * _fastest(few)


def _copies(folder: Path, count: int) -> RuleSet:
    found = rules(folder, tag_config("**", "{branch}")).repository("acme", "shop")
    assert found is not None
    code = {
        number: found.build_config.model_copy(update={"code_repo_name": f"r{number}"})
        for number in range(count)
    }
    others = {
        ("a", f"r{number}"): found.model_copy(update={"build_config": code[number]})
        for number in range(count)
    }
    return RuleSet({("acme", "shop"): found, **others})


def _fastest(found: RuleSet) -> float:
    event = push("feature/x")
    times = []
    for _ in range(30):
        begun = time.perf_counter()
        found.match("Gitee", event, AT)
        times.append(time.perf_counter() - begun)
    return min(times)


def test_a_tag_of_a_commit_that_no_one_knows_yet_builds_what_does_not_name_the_commit(tmp_path: Path) -> None:
    found = rules(
        tmp_path,
        tag_config("v*", "{tag}", "tag", version_tagging=1),
        tag_config("v*", "stable", "tag", version_tagging=2),
        tag_config("v*", "{short_sha}", "tag"),
    )
    matching = found.match("Gitee", push("v1", "tag", peeled=False), AT)
    (match,) = matching.matches
    assert (match.tags, match.version_tagging) == (("v1", "stable"), 1)
    assert [one.why for one in matching.rejections] == ["the Git host does not say which commit v1 is"]


def test_a_build_says_which_of_its_tags_name_the_ref_and_which_the_commit(tmp_path: Path) -> None:
    tags = (
        "stable",
        "{tag}",
        "x-{1}",
        "{major}.{minor}",
        "{patch}",
        "{tag}-{date}",
        "{sha}",
        "{tag}-{short_sha}",
    )
    found = rules(tmp_path, *(tag_config("v*", tag, "tag") for tag in tags))
    (match,) = found.match("Gitee", push("v1.2.3+1", "tag"), AT).matches
    assert len(match.tags) == len(tags)
    assert dict(match.named) == {"v1.2.3-1": "v1.2.3+1", "x-1.2.3-1": "x-1.2.3+1"}
    assert match.commit_tags == (SHA, f"v1.2.3-1-{SHA[:7]}")


def test_the_commit_that_is_a_tag_beside_the_time_names_the_commit(tmp_path: Path) -> None:
    found = rules(tmp_path, tag_config(version_tagging=1), tag_config(tag="x", version_tagging=2))
    (match,) = found.match("Gitee", push(), AT).matches
    assert (match.tags, match.commit_tags) == (("latest", "x", SHA), (SHA,))
