"""What the tests of several services begin with."""

from pathlib import Path

import pytest
from support.reloading import rule


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Rule files: one repository, acme/shop."""
    made = tmp_path / "rules"
    made.mkdir()
    (made / "shop.yaml").write_text(rule("shop"))
    return made
