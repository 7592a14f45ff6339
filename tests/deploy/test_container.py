"""The container file names what is there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "deploy" / "Containerfile").read_text()


def test_everything_copied_is_there() -> None:
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", TEXT, re.MULTILINE)
    paths = [path for line in copied for path in line.split()]
    assert "bridge" in paths
    assert not [path for path in paths if not (ROOT / path).exists()]


def test_what_the_package_is_made_of_is_copied() -> None:
    packaging = (ROOT / "pyproject.toml").read_text()
    included = re.findall(r'^"(deploy/[^"]+)" =', packaging, re.MULTILINE)
    assert included
    assert all(str(Path(path).parent) in TEXT for path in included)


def test_it_does_not_run_as_root() -> None:
    assert re.search(r"^USER (?!root)\w+$", TEXT, re.MULTILINE)
