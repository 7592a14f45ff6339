"""Which tests are of each engine: the others are not run once more with PostgreSQL."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest
from support import engines

_STORE: Final = "store"
"""The fixture with which a test has a store of the run's engine."""
_SERVER: Final = "_postgres"
"""The fixture with a server of the test: it has PostgreSQL in every run."""
_OF_ALL: Final = Path(__file__).parents[1] / "conftest.py"
"""Where the fixtures are that every test has, and that know the engine."""


def is_of_each_engine(item: pytest.Item) -> bool:
    """Whether a test has a store of the run's engine, and is not about the ways of one of them."""
    assert isinstance(item, pytest.Function)
    is_of_one = item.get_closest_marker("sqlite") is not None or _SERVER in item.fixturenames
    return has_store(item) and not is_of_one


def has_store(item: pytest.Function) -> bool:
    """Whether a test, or a fixture of its folder, has been written with what makes the stores of tests."""
    fixtures = [one.func for found in item._fixtureinfo.name2fixturedefs.values() for one in found]
    spaces = [vars(item.module), *(one.__globals__ for one in fixtures if hasattr(one, "__globals__"))]
    return _STORE in item.fixturenames or any(
        _reaches_engines(names) for names in spaces if names["__file__"] != str(_OF_ALL)
    )


def _reaches_engines(names: Mapping[str, Any]) -> bool:
    """Whether these names of a module lead to `engines`, by what it has from other modules of tests."""
    seen: set[str] = set()
    waiting = [names]
    while waiting:
        used = {_origin(one) for one in waiting.pop().values()}
        new = {name for name in used if name.startswith("support.")} - seen
        seen |= new
        waiting += [vars(sys.modules[name]) for name in new]
    return engines.__name__ in seen


def _origin(thing: object) -> str:
    """The module that something is, or comes from."""
    name = getattr(thing, "__module__", None) or getattr(thing, "__name__", None)
    return name if isinstance(name, str) else ""
