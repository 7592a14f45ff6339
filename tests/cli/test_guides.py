"""The guides of Git hosts: there is one for each, and what it shows is good."""

from pathlib import Path

import pytest
import yaml
from support.guides import blocks, headings
from support.secret_files import write_secret
from support.sshd import make_key

import bridge.forges.adapters
from bridge.cli.guides import EXAMPLE_URL, guide
from bridge.cli.language import LANGUAGES
from bridge.config.loader import load_config
from bridge.model.language import Language
from bridge.registry import FORGES, KINDS
from bridge.rules.checking import Names
from bridge.rules.loader import load_rules

FOLDERS = sorted(file.parent for file in Path(bridge.forges.adapters.__file__).parent.glob("*/forge.py"))
ROOT = Path(__file__).parents[2]
SECTIONS: dict[Language, list[str]] = {
    "en": ["At the host", "Configuration", "What is checked", "Known gaps"],
    "zh-CN": ["平台设置", "配置", "校验方式", "已知限制"],
}


@pytest.mark.parametrize("kind", FORGES)
def test_what_the_page_of_a_kind_shows_is_good(kind: str, tmp_path: Path) -> None:
    shown = guide(kind)
    builders = yaml.safe_dump({"builders": {"here": {"kind": "local"}}})
    (tmp_path / "bridge.yaml").write_text(shown.source + builders)
    (tmp_path / "secrets").mkdir()
    write_secret(tmp_path / "secrets" / shown.source_name, "a-secret-of-the-tests")
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "shop.yaml").write_text(shown.rule)
    config = load_config(tmp_path / "bridge.yaml", KINDS, {})
    rules = load_rules(config.rule_paths, Names.of(config, KINDS))
    assert config.settings.sources[shown.source_name].kind == kind
    assert [rule.build_config.code_repo_client for rule in rules.repositories.values()] == [kind]
    assert (config.warnings, rules.warnings) == ((), ())


@pytest.mark.parametrize("kind", FORGES)
def test_what_the_page_of_a_kind_shows_of_private_code_is_good(kind: str, tmp_path: Path) -> None:
    shown = guide(kind)
    settings = yaml.safe_load(shown.source) | {"builders": {"here": {"kind": "local"}}}
    private = yaml.safe_load(blocks(shown.text, "yaml")[2])
    settings["sources"][shown.source_name] |= private["sources"][shown.source_name]
    (tmp_path / "bridge.yaml").write_text(yaml.safe_dump(settings))
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    make_key(secrets / f"{shown.source_name}-key")
    host = (secrets / f"{shown.source_name}-key.pub").read_text()
    texts = {"": "a-secret", "-read": "a-token", "-hosts": f"git.example.com {host}"}
    for end, text in texts.items():
        (secrets / f"{shown.source_name}{end}").write_text(text)
    assert list(load_config(tmp_path / "bridge.yaml", KINDS, {}).clone_access) == [shown.source_name]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", FORGES)
def test_every_guide_says_the_same_kinds_of_things(kind: str, language: Language) -> None:
    shown = guide(kind, language)
    assert [title for title in headings(shown.text) if title in SECTIONS[language]] == SECTIONS[language]
    assert f"{EXAMPLE_URL}/hooks/{shown.source_name}" in shown.text
    assert f"kind: {kind}\n" in shown.source
    assert f"code_repo_client: {kind}\n" in shown.rule


def test_every_forge_is_registered_and_has_its_guide_and_sample() -> None:
    assert len(FOLDERS) == len(FORGES)
    for folder in FOLDERS:
        assert (folder / "guide.en.md").is_file()
        assert (folder / "guide.zh-CN.md").is_file()
        assert (folder / "sample.http").is_file()
