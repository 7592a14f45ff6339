"""`explain --push`: what the rules would do with a hypothetical push."""

from pathlib import Path
from typing import Any

import pytest
from support.commands import Done, command

from bridge.cli.invented import MAX_LENGTH

CONFIG = """
sources:
  gitee: {kind: Gitee, secrets: [a-secret-for-tests]}
  plain: {kind: Simple, secrets: [a-secret-for-tests]}
builders: {here: {kind: local, command: ["true"]}}
rules: [rules.yaml]
store: {url: "sqlite:///./data/bridge.db"}
"""
RULES = """
namespace: acme
repo_name: shop
build_config:
  code_repo_client: Gitee
  code_repo_namespace: acme
  code_repo_name: shop
  tag_configs:
    - {code_repo_type: branch, code_repo_type_value: "release/*", docker_repo_tag: "r-{1}", paths: ["web/**"]}
    - {code_repo_type: tag, code_repo_type_value: "v*", docker_repo_tag: "{major}.{minor}"}
---
namespace: acme
repo_name: plain
build_config:
  code_repo_client: Simple
  code_repo_clone_url: git@git.example.com:plain.git
  tag_configs: [{code_repo_type: branch, code_repo_type_value: main, docker_repo_tag: latest}]
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "bridge.yaml").write_text(CONFIG)
    (tmp_path / "rules.yaml").write_text(RULES)
    return tmp_path / "bridge.yaml"


def explained(config: Path, *arguments: str) -> dict[str, Any]:
    done = command("--config", config, "explain", "--json", "--push", *arguments)
    assert (done.status, done.stderr) == (0, "")
    (document,) = done.documents
    return document


def tags(config: Path, *arguments: str) -> list[str]:
    return [tag for match in explained(config, *arguments)["matches"] for tag in match["tags"]]


def test_a_repository_without_a_rule_is_said_first_and_then_the_nearest(config: Path) -> None:
    done = command("--config", config, "explain", "--push", "gitee:acme/shp@main")
    said = done.stdout.splitlines()[1]
    place = config.with_name("rules.yaml")
    near = f"the nearest: acme/shop ({place}:3:1): builds from Gitee acme/shop"
    assert said == f"  not: no rule is for Gitee acme/shp; {near}"
    assert explained(config, "gitee:zzz@main")["reason"] == "no rule is for Gitee zzz"


def test_a_branch_builds_what_its_rule_says(config: Path) -> None:
    document = explained(config, "gitee:acme/shop@release/1.2", "--changed", "web/a.js")
    assert (document["host"], document["event"], document["repo"]) == ("gitee", "push", "acme/shop")
    assert (document["ref_kind"], document["ref_name"]) == ("branch", "release/1.2")
    assert [match["tags"] for match in document["matches"]] == [["r-1.2"]]
    whys = {(found["repo_name"], found["tag_config"]): found["why"] for found in document["rejections"]}
    assert whys == {
        ("shop", 1): "wants a tag, release/1.2 is a branch",
        ("plain", None): "builds from Simple git@git.example.com:plain.git",
    }


@pytest.mark.parametrize(
    ("push", "expected"),
    [
        ("Gitee:acme/shop@refs/tags/v1.2.3", ["1.2"]),
        ("OSCHINA:acme/shop@refs/heads/release/2", ["r-2"]),
        ("gitee:acme/shop@release/a@b", ["r-a-b"]),
        ("simple:git@git.example.com:plain.git@main", ["latest"]),
        ("gitee:acme/shop@v1.2.3", []),
    ],
)
def test_host_repository_and_ref_are_written_in_one_word(
    config: Path, push: str, expected: list[str]
) -> None:
    assert tags(config, push) == expected


def test_paths_and_message_count(config: Path) -> None:
    assert tags(config, "gitee:acme/shop@release/1", "--changed", "doc/a.md") == []
    assert tags(config, "gitee:acme/shop@release/1", "--changed", "doc/a.md", "--changed", "web/x") == ["r-1"]
    assert tags(config, "gitee:acme/shop@release/1", "--message", "typo [skip ci]") == []


def test_people_read_a_tree(config: Path) -> None:
    done = command("--config", config, "explain", "--push", "gitee:acme/shop@release/1")
    lines = done.stdout.splitlines()
    assert lines[0] == "gitee acme/shop: push of branch release/1"
    assert lines[1] == f"  acme/shop  ({config.parent}/rules.yaml:3:1)"
    assert lines[2].startswith("    tag_configs[0]  builds r-1 on here")
    done = command("--config", config, "explain", "--push", "gitee:acme/shop@refs/tags/v1")
    assert done.stdout.splitlines()[0] == "gitee acme/shop: push of tag v1"


def test_of_many_rules_that_build_nothing_of_it_only_some_are_shown_to_people(config: Path) -> None:
    plain = RULES.partition("---\n")[2]
    more = [plain.replace("repo_name: plain", f"repo_name: other-{number}") for number in range(12)]
    (config.parent / "rules.yaml").write_text("---\n".join([RULES, *more]))
    arguments = "--config", config, "explain", "--push", "gitee:acme/shop@release/1"
    lines = command(*arguments).stdout.splitlines()
    assert sum(line.endswith("not: builds from Simple git@git.example.com:plain.git") for line in lines) == 10
    assert lines[-1] == "  and 3 more that build nothing of it: see --json"
    (document,) = command(*arguments, "--json").documents
    assert len({one["repo_name"] for one in document["rejections"]} - {"shop"}) == 13


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--push", "gitea-:acme/shop@main"], "is not one; did you mean gitea?"),
        (["--push", "gitee:acme/shop"], "is not KIND:REPOSITORY@REF"),
        (["--push", "gitee:https://gitee.com/acme/shop@main"], "as its host calls it, not by an address"),
        (["--push", "gitee:@main"], "is not KIND:REPOSITORY@REF"),
        (["--push", "gitee:acme/shop@"], "is not KIND:REPOSITORY@REF"),
        (["--push", f"gitee:a/b@{'x' * MAX_LENGTH}"], "is not KIND:REPOSITORY@REF"),
        (["--push", "x"], "must begin with a kind of Git host"),
        ([], "give BODY, or --delivery ID"),
        (["bridge.yaml", "--push", "gitee:a/b@c"], "give BODY, or --delivery ID, or --push"),
    ],
)
def test_wrong_use_says_how(
    config: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], why: str
) -> None:
    monkeypatch.chdir(config.parent)
    done: Done = command("--config", config, "explain", *arguments)
    assert done.status == 2
    assert why in done.stderr


def test_people_read_what_tags_were_made_of_and_what_the_builder_is_given(config: Path) -> None:
    rule = RULES.partition("---")[0].replace('"release/*"', '"feature/*"').replace('"r-{1}"', '"{branch}"')
    given = rule.replace("  tag_configs:", '  parameters: {WHAT: "{1}"}\n  tag_configs:')
    (config.parent / "rules.yaml").write_text(given)
    done = command("--config", config, "explain", "--push", "gitee:acme/shop@feature/x", "--changed", "web/a")
    assert done.stdout.splitlines()[2] == (
        "    tag_configs[0]  builds feature-x (of feature/x) on here; with WHAT=x"
    )
