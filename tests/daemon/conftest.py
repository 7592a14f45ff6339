"""Several daemons on one database."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from support.nodes import Nodes
from support.postgres import Server


@pytest.fixture
def nodes(tmp_path: Path, postgres: Server) -> Iterator[Nodes]:
    with ExitStack() as stack:
        yield Nodes(tmp_path, postgres.make_database(), stack)
