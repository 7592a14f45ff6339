"""What tests use and do not bring along: without it, CI fails and a laptop skips with the reason."""

import importlib.util
import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest


def needs(program: str) -> str:
    """The path of `program`; its absence fails the test in CI and skips it elsewhere."""
    return shutil.which(program) or lacks(f"the program {program} is not installed")


def needs_module(name: str) -> None:
    """As `needs`, for a Python module that has no wheel for every machine."""
    if importlib.util.find_spec(name) is None:
        lacks(f"the module {name} is not installed")


def needs_corpus() -> Path:
    """The folder of recorded deliveries that `BRIDGE_CORPUS` names."""
    folder = os.environ.get("BRIDGE_CORPUS")
    return Path(folder) if folder else lacks("BRIDGE_CORPUS names no folder of recorded deliveries")


def needs_node_modules() -> Path:
    """The folder of packages for Node.js that `BRIDGE_NODE_MODULES` names."""
    folder = os.environ.get("BRIDGE_NODE_MODULES")
    return Path(folder) if folder else lacks("BRIDGE_NODE_MODULES names no folder of packages for Node.js")


def lacks(reason: str) -> NoReturn:
    """Fail in CI, and skip elsewhere: the test cannot be done here."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
