"""Stores on PostgreSQL, of which some are seen through a network that fails."""

from collections.abc import Iterator

import pytest
from support.cut_proxy import CutProxy, cut_proxy
from support.postgres import Server

from bridge.store.postgres.database import Database


@pytest.fixture
def url(postgres: Server) -> str:
    return postgres.make_database()


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    with Database.open(url, exclusive=True) as found:
        yield found


@pytest.fixture
def proxy(postgres: Server) -> Iterator[CutProxy]:
    with cut_proxy(postgres.port) as found:
        yield found


@pytest.fixture
def behind(proxy: CutProxy, postgres: Server, url: str) -> Iterator[Database]:
    """The database, seen through the proxy."""
    with Database.open(url.replace(str(postgres.port), str(proxy.port)), exclusive=True) as found:
        yield found
