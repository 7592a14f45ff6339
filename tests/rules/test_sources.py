"""Two servers of one kind: which pushes a rule builds, and what is said of the others."""

from dataclasses import replace
from pathlib import Path

import pytest
from support.rules import AT, HEAD, NAMES, push, rules_of, tag_config

from bridge.errors import ConfigError
from bridge.model.event import Repo
from bridge.planning.ref_moves import moves_of
from bridge.rules.explain import evaluate
from bridge.rules.loader import load_rules
from bridge.rules.sources import SourceFacts, Sources

BOTH = replace(
    NAMES,
    sources=Sources(
        {
            "old": SourceFacts("Gitee"),
            "new": SourceFacts("Gitee", prefers_ssh=True),
            "p": SourceFacts("Simple"),
        }
    ),
)
BOUND = HEAD.replace("code_repo_client: Gitee\n", "code_repo_client: Gitee\n  code_repo_source: new\n")
EVENT = replace(
    push(),
    before="1" * 40,
    repo=Repo(
        full_name="acme/Shop-Web",
        clone_url="https://gitee.com/acme/shop-web.git",
        ssh_url="git@gitee.com:acme/shop-web.git",
    ),
)


def test_a_rule_that_names_a_source_builds_what_is_pushed_there_and_says_why_not_else(tmp_path: Path) -> None:
    found = rules_of(tmp_path, BOUND + tag_config(), BOTH)
    reasons = {
        source: evaluate("Gitee", [EVENT], found, AT, source)[0].reason for source in ("new", "old", None)
    }
    assert reasons == {
        "new": "",
        "old": "acme/shop: builds what is pushed to the source new, and this was pushed to old",
        None: "",
    }


def test_the_refs_of_two_servers_are_two_histories(tmp_path: Path) -> None:
    second = HEAD.replace("repo_name: shop\n", "repo_name: any\n", 1)
    found = rules_of(tmp_path, f"{BOUND}{tag_config()}---{second}{tag_config()}", BOTH)
    moved = {source: moves_of("Gitee", EVENT, found, source) for source in ("new", "old")}
    assert [(one.code, list(one.builders)) for one in moved["new"]] == [
        ("Gitee@new acme/shop-web", [("acme", "shop")]),
        ("Gitee acme/shop-web", [("acme", "any")]),
    ]
    assert [one.code for one in moved["old"]] == ["Gitee acme/shop-web"]
    assert {one.clone_url for one in moved["new"]} == {"git@gitee.com:acme/shop-web.git"}
    assert {one.clone_url for one in moved["old"]} == {"https://gitee.com/acme/shop-web.git"}


def test_a_build_without_a_push_is_of_the_named_source_or_of_the_only_one(tmp_path: Path) -> None:
    for names, head, expected in ((BOTH, BOUND, "new"), (BOTH, HEAD, None), (NAMES, HEAD, "gitee")):
        found = rules_of(tmp_path, head + tag_config(), names)
        (repository,) = found.repositories.values()
        assert found.source_of(repository) == expected


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("nwe", "there is no source nwe of the kind Gitee; did you mean new?"),
        ("p", "there is no source p of the kind Gitee; known are new, old"),
    ],
)
def test_a_source_that_is_none_of_this_kind_is_a_fault(tmp_path: Path, source: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        rules_of(tmp_path, BOUND.replace("source: new", f"source: {source}") + tag_config(), BOTH)
    (fault,) = caught.value.faults
    assert fault.path == "build_config.code_repo_source"
    assert fault.place.startswith(f"{tmp_path}/rules.yaml:6:")
    assert fault.problem == problem


def test_rules_that_leave_the_source_open_are_warned_of_once_for_each_file(tmp_path: Path) -> None:
    for number in range(2):
        documents = [HEAD.replace("repo_name: shop\n", f"repo_name: r{number}-{n}\n", 1) for n in range(3)]
        text = "---".join(
            f"{one}{tag_config()}" for one in (*documents, BOUND.replace("shop\n", f"b{number}\n", 1))
        )
        (tmp_path / f"{number}.yaml").write_text(text)
    found = load_rules([tmp_path], BOTH)
    said = [str(one) for one in found.warnings if "code_repo_source" in one.problem]
    assert [one.partition(": ")[0].removeprefix(f"{tmp_path}/") for one in said] == [
        "0.yaml:5:3",
        "1.yaml:5:3",
    ]
    assert said[0].endswith(
        "builds what is pushed to any of the sources old and new (so do 2 more rules of this file): "
        "name one with code_repo_source"
    )


def test_the_clone_address_of_a_rule_names_no_other_code_where_its_host_has_names(tmp_path: Path) -> None:
    given = "  code_repo_clone_url: git@mirror.example.com:acme/shop.git\n"
    found = rules_of(tmp_path, HEAD.replace("  tag_configs:\n", f"{given}  tag_configs:\n") + tag_config())
    (match,) = evaluate("Gitee", [EVENT], found, AT, "gitee")[0].matching.matches
    assert match.repository.build_config.code_path == "Acme/shop-web"
    assert match.repository.build_config.code_repository == "Gitee acme/shop-web"
