"""The folder of a local build, when the build is over."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bridge.builders.local.folder import remove

NOBODY = 65534


@contextmanager
def unprivileged() -> Iterator[None]:
    """Only as somebody who is not root does one meet permissions."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(before)


def test_a_folder_is_removed_although_its_build_took_permissions_away() -> None:
    with tempfile.TemporaryDirectory() as base:
        Path(base).chmod(0o777)
        with unprivileged():
            inner = Path(base, "build", "cache", "modules")
            inner.mkdir(parents=True)
            (inner / "read-only").touch()
            for folder in (inner, inner.parent):
                folder.chmod(0o500)
            remove(Path(base, "build"))
        assert not list(Path(base).iterdir())
