"""Typical mistakes of newcomers: `check` prints one line with the place, the cause and the cure.

More of them, one in each file, stand in `tests/config/bad` and `tests/rules/bad`.
"""

import shutil
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from support.commands import command

GOOD: Final = Path(__file__).with_name("mistakes")
FILES: Final = {"in-bridge.yaml": "bridge.yaml", "in-rules.yaml": "rules/shop.yaml"}
MISTAKES: Final[list[tuple[str, dict[str, Any]]]] = [
    (file, one) for table, file in FILES.items() for one in yaml.safe_load((GOOD / table).read_text("utf-8"))
]
ROBOT: Final = "https://oapi.dingtalk.com/robot/send?access_token=0123456789abcdef"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A good configuration with a good rule."""
    monkeypatch.setenv("HOOK", "a-secret-of-the-hook-0123456789")
    monkeypatch.setenv("ROBOT", ROBOT)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rules").mkdir()
    for file in FILES.values():
        shutil.copy(GOOD / file, tmp_path / file)
    return tmp_path


def said(folder: Path, file: str, text: str) -> list[str]:
    """All that `check` says with this text in a file, but that all is well."""
    (folder / file).write_text(text, "utf-8")
    return [line for line in command("check").stdout.splitlines() if ": valid, with " not in line]


def test_the_files_without_a_mistake_are_good(folder: Path) -> None:
    assert [said(folder, file, (folder / file).read_text()) for file in FILES.values()] == [[], []]


@pytest.mark.parametrize(("file", "mistake"), MISTAKES, ids=[one["mistake"] for _, one in MISTAKES])
def test_a_mistake_is_one_line_with_place_cause_and_cure(
    file: str, mistake: dict[str, Any], folder: Path
) -> None:
    good = (folder / file).read_text()
    assert mistake["old"] in good
    (line,) = said(folder, file, good.replace(mistake["old"], mistake["new"], 1))
    place = mistake["at"] if mistake["at"][0].isalpha() else f"{file}:{mistake['at']}"
    assert mistake["cure"]
    assert line.startswith(f"{place}: {mistake['cause']}")
    rest = line.removeprefix(f"{place}: {mistake['cause']}")
    assert rest.lstrip(":;, ") == mistake["cure"]


def test_the_list_is_long_and_names_each_mistake_once() -> None:
    names = [one["mistake"] for _, one in MISTAKES]
    assert len({*names}) == len(names) > 100


@pytest.mark.parametrize("form", ["\ufeff{}", "{}\r\n"], ids=["byte order mark", "line ends of Windows"])
@pytest.mark.parametrize("file", FILES.values())
def test_what_an_editor_adds_by_itself_is_no_mistake(form: str, file: str, folder: Path) -> None:
    mark, _, end = form.partition("{}")
    lines = (folder / file).read_text().splitlines()
    assert said(folder, file, mark + (end or "\n").join(lines) + end) == []
