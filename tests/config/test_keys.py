"""The keys that sign tokens: configured ones, or one that is made once."""

import stat
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier
from types import FrameType
from typing import Any

import pytest
from support.kinds import KINDS

import bridge.config.keys
from bridge.config.keys import kept_key, replace_key, with_signing_key
from bridge.config.loader import Config, load_config
from bridge.errors import ConfigError

KEYS = [f"key-{number}-of-the-tests-with-enough-letters" for number in range(2)]


def load(folder: Path, text: str) -> Config:
    (folder / "bridge.yaml").write_text(f"store: {{url: 'sqlite:///./data/bridge.db'}}\n{text}")
    return load_config(folder / "bridge.yaml", KINDS, {})


def keys(config: Config) -> list[str]:
    return [key.reveal() for key in config.settings.api.keys]


def test_without_a_configured_key_one_is_made_beside_the_store_and_used_ever_after(tmp_path: Path) -> None:
    config = load(tmp_path, "")
    made = with_signing_key(config)
    file = tmp_path / "data" / "api.key"
    assert keys(made) == [file.read_text().strip()] == keys(with_signing_key(config))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.stat().st_uid == file.parent.stat().st_uid
    assert list(file.parent.iterdir()) == [file]
    assert made.secrets == set(keys(made)), "the log must not show it"
    assert replace(made, settings=config.settings, secrets=config.secrets) == config


def test_configured_keys_are_used_as_they_are_and_none_is_made(tmp_path: Path) -> None:
    config = load(tmp_path, f"api: {{keys: {KEYS}}}\n")
    assert with_signing_key(config) == config
    assert keys(config) == KEYS
    assert not (tmp_path / "data").exists()


def test_who_need_a_key_at_once_get_the_same(tmp_path: Path) -> None:
    many = 8
    start = Barrier(many)

    def get(_number: int) -> str:
        start.wait()
        return kept_key(tmp_path / "data" / "api.key")

    with ThreadPoolExecutor(many) as threads:
        assert len(set(threads.map(get, range(many)))) == 1
    assert [file.name for file in (tmp_path / "data").iterdir()] == ["api.key"]


def test_the_file_holds_a_key_at_every_moment_while_that_is_replaced(tmp_path: Path) -> None:
    file = tmp_path / "data" / "api.key"
    old = kept_key(file)
    seen = []

    def look(frame: FrameType, _event: str, _argument: Any) -> Any:
        if frame.f_code.co_filename == bridge.config.keys.__file__:
            seen.append(file.read_text().strip() if file.exists() else "none")
        return look

    def traced() -> Path | None:
        sys.settrace(look)
        return replace_key(file, KEYS[0])

    with ThreadPoolExecutor(1) as thread:
        kept = thread.submit(traced).result()
    assert kept is not None
    assert set(seen) == {old, KEYS[0]}
    assert (kept.read_text().strip(), file.read_text().strip()) == (old, KEYS[0])
    assert {stat.S_IMODE(one.stat().st_mode) for one in (file, kept)} == {0o600}
    assert replace_key(file, KEYS[0]) is None
    assert {*file.parent.iterdir()} == {file, kept}


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    with pytest.raises(ConfigError, match=r"data/api\.key: the key of the API's tokens: Not a directory"):
        kept_key(tmp_path / "data" / "api.key")
