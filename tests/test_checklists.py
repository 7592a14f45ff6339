"""The checklists of CONTRIBUTING.md, followed to the letter in a copy of the tree."""

import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from mutation.trees import copy_tree

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / ".github" / "CONTRIBUTING.md").read_text()
LISTS = ("Add a Git host", "Add a builder", "Add a channel")
pytestmark = pytest.mark.timeout(330)
TOOLS = ".venv/bin/ruff format bridge tests && .venv/bin/pytest tests/test_quality.py"
GENERATED = {"deploy/schema/config.json", "deploy/schema/rules.json", "tests/data/notices/CONSOLE"}
_SUITE = re.compile(r'^\.venv/bin/pytest (?P<folders>[^-]*) -k "(?P<names>[^"]*)"$', re.MULTILINE)
_STEP = re.compile(r"^\d+\. (.*?)(?=^\d+\. |\Z)", re.MULTILINE | re.DOTALL)
_BLOCK = re.compile(r"^ {3,4}(?P<fence>```+)\w*\n(?P<text>.*?)^ {3,4}(?P=fence)$", re.MULTILINE | re.DOTALL)
_CREATE = re.compile(r"Create `([^`]+)`")
_ADD = re.compile(r"Add to `([^`]+)`, below the line `([^`]+)`, at the same indentation")


@dataclass(frozen=True)
class Step:
    """One entry of a list: its words, and the text of its fenced block, "" without one."""

    words: str
    block: str


def steps(title: str) -> Iterator[Step]:
    section = re.search(rf"^### {title}\n(.*?)(?=^##|\Z)", TEXT, re.MULTILINE | re.DOTALL)
    assert section, title
    for step in _STEP.findall(section[1]):
        block = _BLOCK.search(step)
        words = step[: block.start()] if block else step
        yield Step(" ".join(words.split()), textwrap.dedent(block["text"]) if block else "")


def follow(step: Step, tree: Path) -> str | None:
    """Do what the step says; the path of the file that it names."""
    if created := _CREATE.match(step.words):
        file = tree / created[1]
        file.parent.mkdir(parents=True, exist_ok=True)
        assert not file.exists()
        assert step.block or "empty" in step.words
        file.write_text(step.block)
        return created[1]
    if added := _ADD.match(step.words):
        file = tree / added[1]
        lines = file.read_text().splitlines(keepends=True)
        (above,) = (number for number, line in enumerate(lines) if line.strip() == added[2])
        indent = lines[above].removesuffix(lines[above].lstrip())
        lines.insert(above + 1, textwrap.indent(step.block, indent))
        file.write_text("".join(lines))
        return added[1]
    assert step.words == "Run:" or step.words.startswith("Optional: "), step.words
    return None


def place(path: str) -> str:
    """The file, or the folder that is new with it."""
    parents = [str(parent) for parent in reversed(Path(path).parents) if not (ROOT / parent).exists()]
    return parents[0] if parents else path


def run(tree: Path, script: str) -> subprocess.CompletedProcess[str]:
    """Run commands in the tree, with the tree's own package and tests."""
    environ = {"PATH": os.defpath, "HOME": str(tree), "PYTHONPATH": f"{tree}{os.pathsep}{tree / 'tests'}"}
    return subprocess.run(
        ["sh", "-euxc", script],
        cwd=tree,
        env=environ,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def commands() -> str:
    """What the lists run after the tools, which take a minute: one test runs those.

    The suites are one here: most of their time goes into finding the tests.
    """
    before: dict[str, None] = {}
    folders: dict[str, None] = {}
    names: dict[str, None] = {}
    after = []
    for title in LISTS:
        (script,) = (step.block for step in steps(title) if step.words == "Run:")
        tools, _, rest = script.partition("\n")
        assert tools == TOOLS
        suite = _SUITE.search(rest)
        assert suite
        before |= dict.fromkeys(rest[: suite.start()].splitlines())
        folders |= dict.fromkeys(suite["folders"].split())
        names |= dict.fromkeys(suite["names"].split(" or "))
        after.append(rest[suite.end() :])
    suites = f'.venv/bin/pytest {" ".join(folders)} -k "{" or ".join(names)}"'
    return "\n".join([*before, suites, *after])


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of this tree, with this environment."""
    copy = tmp_path / "tree"
    copy_tree(copy)
    (copy / ".venv").symlink_to(sys.prefix)
    return copy


def start_of_history(tree: Path) -> None:
    """Commit the tree, so that Git can tell what changes in it."""
    name = "-c user.name=Ann -c user.email=ann@example.org"
    done = run(tree, f"git init -q; git add -A; git {name} commit -qm start")
    assert done.returncode == 0, done.stdout + done.stderr


def changed(tree: Path) -> set[str]:
    """The files that are not as committed; for a new folder, the folder."""
    done = run(tree, "git status --porcelain --untracked-files=normal")
    assert done.returncode == 0, done.stderr
    return {line[3:].rstrip("/") for line in done.stdout.splitlines()}


def test_what_is_added_by_each_list_passes_its_contract_suite_and_touches_three_places(tree: Path) -> None:
    start_of_history(tree)
    places = {
        title: {place(path) for step in steps(title) if (path := follow(step, tree))} for title in LISTS
    }
    assert {title: len(found) for title, found in places.items()} == dict.fromkeys(LISTS, 3)
    done = run(tree, commands())
    assert done.returncode == 0, done.stdout + done.stderr
    assert changed(tree) - GENERATED == set().union(*places.values())


def test_a_kind_without_its_test_data_fails_the_contract_suite(tree: Path) -> None:
    for title in LISTS:
        for step in steps(title):
            if not step.words.startswith("Create `tests/"):
                follow(step, tree)
    suites = " ".join(f"tests/{folder}/test_contract.py" for folder in ("forges", "builders", "channels"))
    done = run(
        tree, f'.venv/bin/pytest --continue-on-collection-errors {suites} -k "brook or spool or CONSOLE"'
    )
    assert done.returncode != 0
    for missing in (
        "forges/payloads/brook/contract.json",
        "there is no contract.py with the fake of the builder spool",
        "CONSOLE has no tests/channels/<folder of the adapter>/contract.py",
    ):
        assert missing in done.stdout, "the file that is missing is named"


def test_what_the_lists_show_passes_the_tools(tree: Path) -> None:
    paths = dict.fromkeys(path for title in LISTS for step in steps(title) if (path := follow(step, tree)))
    python = " ".join(dict.fromkeys(path for path in paths if path.endswith(".py")))
    for tool in ("ruff format --check", "ruff check", "mypy"):
        done = run(tree, f".venv/bin/{tool} {python}")
        assert done.returncode == 0, done.stdout + done.stderr
    done = run(tree, ".venv/bin/lint-imports --no-cache")
    assert done.returncode == 0, done.stdout + done.stderr
