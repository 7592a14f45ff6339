"""Real programs that tests use: without one, CI fails and a laptop skips with the reason."""

import os
import shutil

import pytest


def needs(program: str) -> str:
    """The path of `program`; its absence fails the test in CI and skips it elsewhere."""
    path = shutil.which(program)
    if path is None:
        reason = f"the program {program} is not installed"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return path
