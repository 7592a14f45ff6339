"""`git ls-remote` is bounded in time and size, with all that it has started."""

import os
from pathlib import Path

import pytest
from support.git import Origin
from support.waiting import eventually

from bridge.errors import Transient
from bridge.runtime.git import remote

URL = "https://git.example.com/acme/shop.git"


def instead_of_git(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "git").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


def test_the_refs_of_a_repository_are_read(tmp_path: Path) -> None:
    origin = Origin(tmp_path)
    sha = origin.commit({"a": "1"})
    origin.push()
    assert remote.refs(origin.url, None, None, "refs/heads/*") == {"refs/heads/main": sha}


def test_a_host_that_hangs_is_given_up_with_its_helpers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "_SECONDS", 1)
    instead_of_git(tmp_path, f"sleep 600 & echo $! >{tmp_path}/helper; wait", monkeypatch)
    with pytest.raises(Transient, match="did not answer"):
        remote.refs(URL, None, None)
    helper = int((tmp_path / "helper").read_text())
    eventually(lambda: not _runs(helper))


def _runs(process: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


def test_a_host_that_names_too_many_refs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "_MAX_LISTED", 1 << 20)
    instead_of_git(tmp_path, "yes 0123456789 | head -c 2000000", monkeypatch)
    with pytest.raises(Transient, match="names more refs than 1 MiB hold"):
        remote.refs(URL, None, None)


def test_git_itself_ends_what_is_too_slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    instead_of_git(tmp_path, f'echo "$@" >{tmp_path}/asked', monkeypatch)
    assert remote.refs(URL, None, None) == {}
    asked = (tmp_path / "asked").read_text()
    assert asked.startswith("-c http.lowSpeedLimit=1000 -c http.lowSpeedTime=30 ls-remote ")
