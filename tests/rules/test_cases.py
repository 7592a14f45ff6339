"""The rules of `cases/*.yaml`, each with pushes and what becomes of them.

A case is a list of tag configurations (`kind`, `value` and `tag` stand for the long names; `kind` is branch
by default) and pushes: `branch` or `tag` names the ref, `tags` and `version_tagging` say what is built, `why`
is part of the reason why nothing is, `note` part of what is said beside a build.
"""

from pathlib import Path
from typing import Any

import pytest
import yaml
from support.rules import AT, HEAD, push, rules

from bridge.rules.explain import evaluate

FOLDER = Path(__file__).parent / "cases"
LONG = {"kind": "code_repo_type", "value": "code_repo_type_value", "tag": "docker_repo_tag"}
EXPECTED = ("tags", "version_tagging", "why", "note")


def cases() -> list[Any]:
    return [
        pytest.param(
            case["rule"], said, id=f"{file.stem}-{number}-{place}-{said.get('branch', said.get('tag'))}"
        )
        for file in sorted(FOLDER.glob("*.yaml"))
        for number, case in enumerate(yaml.safe_load(file.read_text(encoding="utf-8")))
        for place, said in enumerate(case["pushes"])
    ]


def test_no_case_is_lost() -> None:
    assert len(cases()) > 150


@pytest.mark.parametrize(("rule", "said"), cases())
def test_a_push_becomes_what_the_case_says(tmp_path: Path, rule: list[dict[str, Any]], said: Any) -> None:
    found = rules(tmp_path, *map(_line, rule), head=HEAD)
    facts = {name: value for name, value in said.items() if name not in {*EXPECTED, "branch", "tag"}}
    if "changed" in facts:
        facts["changed"] = tuple(facts["changed"])
    kind = "branch" if "branch" in said else "tag"
    (evaluation,) = evaluate("Gitee", [push(said[kind], kind, **facts)], found, AT, "gitee")
    matches = evaluation.matching.matches
    assert [tag for match in matches for tag in match.tags] == said.get("tags", []), evaluation.reason
    assert [match.version_tagging for match in matches] == [said.get("version_tagging", 0)] * len(matches)
    assert said.get("why", "") in evaluation.reason
    assert bool(evaluation.reason) == ("why" in said)
    notes = "; ".join(note for match in matches for note in match.notes)
    assert said.get("note", "") in notes
    assert bool(notes) == ("note" in said)


def _line(config: dict[str, Any]) -> str:
    full = {LONG.get(name, name): value for name, value in {"kind": "branch", **config}.items()}
    return "  - " + yaml.safe_dump(full, default_flow_style=True, allow_unicode=True, width=10_000)
