"""What the API has made becomes rule files that give the same rules."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from support.rules import HEAD, NAMES, tag_config
from support.stored import DISABLED, document, notices_set, stored_rules, tag_config_document

from bridge.config.document import read_documents
from bridge.model.repository import Override, StoredRules
from bridge.rules.export import exported, to_yaml
from bridge.rules.loader import load_rules

SHOP = HEAD + tag_config() + tag_config("old", is_active="false")
SCHEDULE = "  schedule: [{cron: '0 3 * * *', branch: master}]\n"
TRAPS = ["1", "1.5", "1.5e3", "-0", "true", "null", "~", "", "yes", "0o7", "08", "2026-01-01", "*a", "&a"]
TRAPS += ["!a", "%a", "@a", "a: b", "a #b", "- a", "{a}", "[a]", "\t", "a\nb", "\n\n", " a ", "\x00", "\x7f"]
TRAPS += ["\x85", "\u2028", "\ufeff", "构建", "😀", "'", '"', "\\", "=", "<<", "1_000", "12:30:00", "a" * 500]
TEXTS = st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(TRAPS)


def read(folder: Path, text: str) -> Any:
    file = folder / "one.yaml"
    file.write_text(text, "utf-8")
    (found,) = read_documents(file)
    return found.data


@given(value=st.recursive(TEXTS | st.integers(-(10**17), 10**17) | st.booleans(), st.lists, max_leaves=5))
def test_what_is_written_is_read_as_the_same(tmp_path_factory: pytest.TempPathFactory, value: object) -> None:
    data = {"key": value}
    assert read(tmp_path_factory.getbasetemp(), to_yaml(data)) == data


@pytest.mark.parametrize("text", TRAPS)
def test_no_text_becomes_anything_else(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, to_yaml({text: [text]})) == {text: [text]}


def written(folder: Path, stored: StoredRules, rules: str = SHOP) -> tuple[dict[tuple[str, str], str], Any]:
    """The exported texts, and the rules in force."""
    (folder / "rules.yaml").write_text(rules)
    found = load_rules([folder / "rules.yaml"], NAMES, stored)
    return dict(exported(found)), found


def test_the_files_give_the_rules_that_are_in_force(tmp_path: Path) -> None:
    both = Override(
        disabled=DISABLED.disabled, notices=notices_set({"channel": "team", "only": "changes"}).notices
    )
    tags = (
        tag_config_document(code_repo_type_value=["**", "!renovate/*"]),
        tag_config_document("1.5", docker_repo_tag="v{branch}", paths=["web/**"], version_tagging=2),
    )
    tool = document("tool", *tags, parameters={"A": "1", "B": "on"}, build_node="in", email_enabled=True) | {
        "description": "构建: yes",
        "notices": [],
    }
    stored = stored_rules(tool, document("other"), shop=both, other=DISABLED)
    texts, rules = written(tmp_path, stored, SHOP + SCHEDULE)
    (tmp_path / "exported").mkdir()
    for (_, name), text in texts.items():
        (tmp_path / "exported" / f"{name}.yaml").write_text(text, "utf-8")
    assert dict(load_rules([tmp_path / "exported"], NAMES).repositories) == dict(rules.repositories)


def test_rules_that_the_api_did_not_touch_are_left_out(tmp_path: Path) -> None:
    texts, _ = written(tmp_path, stored_rules(document()))
    assert list(texts) == [("acme", "tool")]
    assert texts["acme", "tool"].startswith("# Made by the API (alice, 2023-11-14T22:13:20Z).\nnamespace: ")


def test_a_remark_says_what_a_disabled_repository_was_before(tmp_path: Path) -> None:
    texts, _ = written(tmp_path, stored_rules(shop=DISABLED), SHOP + SCHEDULE)
    remarks = [line for line in texts["acme", "shop"].splitlines() if line.startswith("#")]
    assert remarks == [
        f"# In place of {tmp_path}/rules.yaml:3:1.",
        "# It was disabled by bob (2023-11-14T22:14:20Z): it costs too much.",
        "# Before that is_active was true in tag_configs: 0.",
        "# Before that it had the schedule: 0 3 * * * UTC master.",
    ]


def test_a_reason_of_several_lines_stays_a_remark(tmp_path: Path) -> None:
    assert DISABLED.disabled
    reason = Override(disabled=type(DISABLED.disabled)(by="bob", at=0, reason="a\nrepo_name: evil"))
    texts, _ = written(tmp_path, stored_rules(shop=reason))
    assert yaml.safe_load(texts["acme", "shop"])["repo_name"] == "shop"
    assert "bob (1970-01-01T00:00:00Z): a?repo_name: evil." in texts["acme", "shop"]
