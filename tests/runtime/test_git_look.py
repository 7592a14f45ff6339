"""A look at a Git host that cannot be done here is an error of the look, and of nothing else."""

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.git import Origin

from bridge.errors import Transient
from bridge.runtime.git.access import CloneAccess
from bridge.runtime.git.look import ANY, REMOTE, host_refs

HOST = "https://git.example.com"
ACCESS = CloneAccess(source="gitea", base=HOST, username="bot", token="a-token")


@contextmanager
def no_more_files() -> Iterator[None]:
    """This process has as many open files as it may have."""
    os.close(lowest := os.dup(0))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("access", [None, ACCESS])
async def test_without_a_file_to_spare_git_cannot_be_run(access: CloneAccess | None) -> None:
    with no_more_files(), pytest.raises(Transient, match="git cannot be run here: Too many open files"):
        await host_refs(f"{HOST}/acme/shop.git", access, "gitea", REMOTE)


async def test_where_there_is_no_git_the_cure_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Transient, match="git is not installed here: install it"):
        await host_refs(f"{HOST}/acme/shop.git", ACCESS, "gitea", REMOTE)


async def test_an_annotated_tag_has_its_commit(tmp_path: Path) -> None:
    origin = Origin(tmp_path)
    commit = origin.commit({"a": "1"})
    origin.push()
    tag = origin.tag("v1")
    found = await host_refs(origin.url, None, None, ANY)
    assert {ref: (one.pushed, one.sha) for ref, one in found.items()} == {
        "refs/heads/main": (commit, commit),
        "refs/tags/v1": (tag, commit),
    }
