"""The pages about Git hosts: there is one for each, and what it shows is good."""

from pathlib import Path

import pytest
import yaml

import bridge.forges
from bridge.cli.guides import EXAMPLE_URL, page
from bridge.config.loader import load_config
from bridge.registry import FORGES, KINDS
from bridge.rules.loader import Names, load_rules

PAGES = sorted((Path(bridge.forges.__file__).parent / "pages").glob("*.md"))
ROOT = Path(__file__).parents[2]
SECTIONS = ["## At the host", "## Configuration", "## What is checked", "## Known gaps"]


@pytest.mark.parametrize("kind", FORGES)
def test_what_the_page_of_a_kind_shows_is_good(kind: str, tmp_path: Path) -> None:
    shown = page(kind)
    builders = yaml.safe_dump({"builders": {"here": {"kind": "local"}}})
    (tmp_path / "bridge.yaml").write_text(shown.source + builders)
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / shown.source_name).write_text("a-secret")
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "shop.yaml").write_text(shown.rule)
    config = load_config(tmp_path / "bridge.yaml", KINDS, {})
    rules = load_rules(config.rule_paths, Names.of(config, KINDS))
    assert config.settings.sources[shown.source_name].kind == kind
    assert [rule.build_config.code_repo_client for rule in rules.repositories.values()] == [kind]
    assert (config.warnings, rules.warnings) == ((), ())


@pytest.mark.parametrize("file", PAGES, ids=lambda file: file.stem)
def test_every_page_says_the_same_kinds_of_things(file: Path) -> None:
    text = file.read_text("utf-8")
    assert [line for line in text.splitlines() if line.startswith("## ")] == SECTIONS
    shown = page(file.stem)
    assert f"{EXAMPLE_URL}/hooks/{shown.source_name}" in text
    assert f"kind: {file.stem}\n" in shown.source
    assert f"code_repo_client: {file.stem}\n" in shown.rule


def test_every_page_has_its_sample_and_is_linked_from_the_readme() -> None:
    readme = (ROOT / "README.md").read_text()
    assert {file.stem for file in PAGES} >= set(FORGES)
    assert [file.with_suffix(".http") for file in PAGES] == sorted(PAGES[0].parent.glob("*.http"))
    missing = [file.name for file in PAGES if f"(bridge/forges/pages/{file.name})" not in readme]
    assert not missing
