"""`schema`: editors learn what the loader takes, and the files that ship are good by it."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from support.commands import command

from bridge.registry import BUILDERS, CHANNELS, FORGES

ROOT = Path(__file__).parents[2]
RULES = sorted((ROOT / "rules").glob("*.yaml"))
EXAMPLE = ROOT / "deploy" / "bridge.example.yaml"


@cache
def printed(which: str) -> dict[str, Any]:
    done = command("schema", which)
    assert (done.status, done.stderr) == (0, "")
    made: dict[str, Any] = json.loads(done.stdout)
    jsonschema.Draft202012Validator.check_schema(made)
    return made


@cache
def validator(which: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(printed(which))


def problems(which: str, document: object) -> list[str]:
    """Where a document is not as the schema says."""
    found = validator(which).iter_errors(document)
    return [error.json_path for error in found]


def undescribed(schema: dict[str, Any], path: str = "") -> list[str]:
    found = []
    for name, part in schema.get("properties", {}).items():
        if "description" not in part and "const" not in part:
            found.append(f"{path}.{name}")
        inner = part.get("additionalProperties")
        for kind in inner.get("oneOf", []) if isinstance(inner, dict) else []:
            found += undescribed(kind, f"{path}.{name}.{kind['title']}")
    for name, part in schema.get("$defs", {}).items():
        found += undescribed(part, name)
    return found


@pytest.mark.parametrize("which", ["rules", "config"])
def test_everything_that_may_be_written_is_described(which: str) -> None:
    assert undescribed(printed(which)) == []


@pytest.mark.parametrize("which", ["rules", "config"])
def test_the_schema_that_ships_is_what_is_printed(which: str) -> None:
    """Each is made by `buildbridge schema`, with its output sent to the file."""
    assert json.loads((ROOT / "deploy" / "schema" / f"{which}.json").read_text()) == printed(which)


@pytest.mark.parametrize("file", RULES, ids=lambda file: file.name)
def test_a_rule_that_ships_is_good_and_names_its_schema(file: Path) -> None:
    text = file.read_text()
    assert text.startswith("# yaml-language-server: $schema=../deploy/schema/rules.json\n")
    for document in yaml.safe_load_all(text):
        assert problems("rules", document) == []


def test_the_configuration_that_ships_is_good_and_names_its_schema() -> None:
    text = EXAMPLE.read_text()
    assert text.startswith("# yaml-language-server: $schema=schema/config.json\n")
    assert problems("config", yaml.safe_load(text)) == []


def test_the_schema_of_the_configuration_knows_every_kind() -> None:
    made = printed("config")
    hosts = made["$defs"]["SourceSettings"]["properties"]["kind"]["enum"]
    assert set(hosts) == {*FORGES, "OSChina", "GitCafe"}
    for section, kinds in (("builders", BUILDERS), ("channels", CHANNELS)):
        offered = made["properties"][section]["additionalProperties"]["oneOf"]
        named = [one["properties"]["kind"]["const"] for one in offered if "kind" in one["properties"]]
        assert named == list(kinds)


def test_templates_are_offered_to_the_kinds_whose_notices_are_texts() -> None:
    offered = printed("config")["properties"]["channels"]["additionalProperties"]["oneOf"]
    without = {one["title"] for one in offered if "templates" not in one["properties"]}
    assert without == {"COMMIT_STATUS", "MESSAGE", "WEBHOOK"}


def test_a_builder_may_be_on_the_server_of_another_one() -> None:
    jenkins = {"kind": "jenkins", "url": "https://ci.example.com", "username": "ci", "token": "x", "job": "a"}
    assert problems("config", {"builders": {"ci": jenkins, "docs": {"server": "ci", "job": "b"}}}) == []
    assert problems("config", {"builders": {"docs": {"server": "ci", "kind": "jenkins"}}}) == [
        "$.builders.docs"
    ]


def test_a_source_that_is_only_polled_is_good() -> None:
    assert problems("config", {"sources": {"a": {"kind": "GitHub", "poll": "1m"}}}) == []


@pytest.mark.parametrize(
    ("which", "document", "where"),
    [
        ("config", {"server": {"prot": 80}}, "$.server"),
        ("config", {"sources": {"a": {"kind": "GitHub"}}}, "$.sources.a"),
        ("config", {"channels": {"a": {"kind": "WECOM"}}}, "$.channels.a"),
        ("config", {"builders": {"a": {"kind": "teamcity"}}}, "$.builders.a"),
        ("rules", {"namespace": "acme", "repo_name": "shop"}, "$"),
        ("rules", {"namespace": "acme", "repo_name": "shop", "build_config": {}}, "$.build_config"),
    ],
)
def test_what_the_loader_rejects_is_marked(which: str, document: object, where: str) -> None:
    assert where in problems(which, document)


def test_a_secret_may_be_written_in_each_of_its_forms() -> None:
    secrets = ["plain text", {"env": "NAME"}, {"file": "/path"}, {"credential": "NAME"}]
    assert problems("config", {"sources": {"a": {"kind": "GitHub", "secrets": secrets}}}) == []
    wrong = {"sources": {"a": {"kind": "GitHub", "secrets": [{"nonsense": "x"}]}}}
    assert problems("config", wrong) == ["$.sources.a.secrets[0]"]
