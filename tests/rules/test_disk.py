"""bridge.yaml, its secrets and the rules as one set on disk, and what shows that it has changed."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.disks import CONFIG
from support.rules import shop_rule

from bridge.config.live import changed, held
from bridge.config.settings import Settings
from bridge.errors import ConfigError
from bridge.model.repository import StoredRepository, StoredRules
from bridge.registry import KINDS
from bridge.rules import files
from bridge.rules.disk import Disk
from bridge.rules.merge import RuleMerge

URL = "https://git.example.com/shop.git"


class Site:
    """A folder with bridge.yaml, one secret and one rule; changes of it are written at once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config: dict[str, Any] = {
            "store": {"url": "sqlite:///./data/bridge.db"},
            "sources": {"plain": {"kind": "Simple", "secrets": [{"file": "hook"}]}},
            "builders": {"here": {"kind": "dummy"}},
        }
        (folder / "hook").write_text("the first secret\n")
        (folder / "rules").mkdir()
        (folder / "rules" / "shop.yaml").write_text(shop_rule(URL))
        self.write()
        self.disk = Disk(folder / "bridge.yaml", KINDS, {"CREDENTIALS_DIRECTORY": str(folder)})

    def write(self, **sections: Any) -> None:
        (self.folder / "bridge.yaml").write_text(yaml.safe_dump(self.config | sections))

    def is_changed(self) -> bool:
        """Whether the disk shows a change since what was tried last; the next one is seen again."""
        return self.disk.fingerprint() != self.disk.tried


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


@pytest.mark.parametrize("name", ["bridge.yaml", "hook", "rules/shop.yaml"])
def test_each_file_that_was_read_is_watched(site: Site, name: str) -> None:
    site.disk.load()
    assert not site.is_changed()
    text = (site.folder / name).read_text()
    (site.folder / "other").write_text(text)
    (site.folder / "other").replace(site.folder / name)
    assert site.is_changed()
    site.disk.load()
    assert not site.is_changed()


@pytest.mark.parametrize("place", ["file", "credential"])
def test_what_is_missing_is_waited_for(site: Site, place: str) -> None:
    more = {"more": {"kind": "Simple", "secrets": [{place: "another"}]}}
    site.write(sources={**site.config["sources"], **more})
    with pytest.raises(ConfigError, match="another cannot be read"):
        site.disk.load()
    assert not site.is_changed()
    (site.folder / "another").write_text("another secret\n")
    assert site.is_changed()
    assert site.disk.load().config.secrets >= {"another secret", "the first secret"}


def test_rules_below_another_folder_are_watched_although_they_have_faults(site: Site) -> None:
    site.disk.load()
    (site.folder / "new").mkdir()
    (site.folder / "new" / "shop.yaml").write_text("namespace: [")
    site.write(rules=["new/"])
    with pytest.raises(ConfigError):
        site.disk.load()
    assert not site.is_changed()
    (site.folder / "new" / "shop.yaml").write_text(shop_rule(URL, "develop"))
    assert site.is_changed()
    site.disk.load()
    (site.folder / "rules" / "shop.yaml").unlink()
    assert not site.is_changed(), "these are no rules any more"


@pytest.mark.parametrize("names", [1, 2])
def test_what_changes_while_it_is_read_is_read_again(
    site: Site, monkeypatch: pytest.MonkeyPatch, names: int
) -> None:
    """Two settings may name one file: then one has its first secret, and the other its second one."""
    site.write(sources={"plain": {"kind": "Simple", "secrets": [{"file": "hook"} for _ in range(names)]}})
    opened, hook = os.open, site.folder / "hook"

    def slowly(path: Path, *arguments: Any, **more: Any) -> int:
        file = opened(path, *arguments, **more)
        if path == hook:
            monkeypatch.undo()
            (site.folder / "other").write_text("the second secret\n")
            (site.folder / "other").replace(hook)
        return file

    monkeypatch.setattr(os, "open", slowly)
    read = [secret.reveal() for secret in site.disk.load().config.settings.sources["plain"].secrets]
    assert read == ["the first secret", "the second secret"][:names]
    assert site.is_changed()


def test_too_many_files_are_a_state_like_another(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.disk.load()
    monkeypatch.setattr(files, "MAX_FILES", 1)
    (site.folder / "rules" / "more.yaml").write_text(shop_rule(URL, name="more"))
    assert site.is_changed()
    with pytest.raises(ConfigError, match="over 1 rule files"):
        site.disk.load()
    assert not site.is_changed()


def test_what_the_open_store_was_made_of_stays_and_is_named(site: Site) -> None:
    begun = site.disk.load().config
    site.write(store={"url": "sqlite:///./other/bridge.db"}, server={"port": 1, "max_body": "1MiB"})
    loaded = site.disk.load()
    assert loaded.waiting == ("store.url", "server.port")
    assert (loaded.config.store_file, loaded.config.state_path) == (begun.store_file, begun.state_path)
    assert loaded.config.settings.server.max_body == 1 << 20
    assert changed(begun, loaded.config) == ("server.max_body",)
    assert not (site.folder / "other").exists(), "no key is made beside a store that is not open"
    site.write()
    again = site.disk.load()
    assert (again.waiting, changed(begun, again.config)) == ((), ())


def test_a_change_is_named_by_its_keys_and_nobodys_address(site: Site) -> None:
    before = site.disk.load().config
    (site.folder / "hook").write_text("the second secret\n")
    site.write(
        sources={**site.config["sources"], "more": {"kind": "Simple", "secrets": [{"file": "hook"}]}},
        builders={"there": {"kind": "dummy"}},
        people={"ann@example.com": {}},
        log={"level": "debug"},
        language="en",
    )
    (site.folder / "rules" / "shop.yaml").unlink()
    assert changed(before, site.disk.load().config) == (
        *("language", "sources.more", "sources.plain", "builders.here", "builders.there", "people"),
        "log.level",
    )


def test_what_cannot_change_is_held_whole() -> None:
    begun = Settings.model_validate({"server": {"host": "0.0.0.0"}, "store": {"min_free": "1GiB"}})
    config, waiting = held(CONFIG, begun)
    assert waiting == ("store.min_free", "server.host")
    assert (config.settings.store, config.settings.server.host) == (begun.store, "0.0.0.0")


def test_rules_of_the_api_are_checked_again_by_other_names(site: Site) -> None:
    document = yaml.safe_load(shop_rule("https://git.example.com/docs.git", name="docs", builder="here"))
    made = StoredRepository(
        key=("acme", "docs"),
        document=json.dumps(document),
        created_by="ann",
        created_at=0.0,
        updated_at=0.0,
    )
    stored, merge = StoredRules(repositories={made.key: made}), RuleMerge()
    assert merge(site.disk.load().files, stored).repository("acme", "docs") is not None
    (site.folder / "rules" / "shop.yaml").unlink()
    site.write(builders={"there": {"kind": "dummy"}})
    with pytest.raises(ConfigError, match="there is no builder here"):
        merge(site.disk.load().files, stored)
