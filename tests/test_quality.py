"""What the project promises of its own code, checked by the tools that its settings name."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MOST_LINES_OF_A_FILE = 400
MOST_LINES_OF_A_FUNCTION = 60
MOST_LINES_OF_THE_ROOT = 200
TOP_LEVEL = {
    *("bridge", "deploy", "rules", "systemd", "tests"),
    *("CHANGELOG.md", "LICENSE", "README.md", "pyproject.toml"),
}
"""What the first look at the project shows, beside dot files and a lock file."""
TOOLS = {
    "formatted": ["ruff", "format", "--check", "."],
    "lint": ["ruff", "check", "."],
    "types": ["mypy"],
    "layers": ["lint-imports"],
}

_START_EACH = """
import pathlib, runpy, sys
tests = pathlib.Path("tests").resolve()
path = list(sys.path)
for script in map(pathlib.Path, sys.argv[1:]):
    sys.path[:] = [str(script.parent), *path]
    for name, module in list(sys.modules.items()):
        if tests in pathlib.Path(getattr(module, "__file__", None) or "/").parents:
            del sys.modules[name]
    runpy.run_path(str(script))
"""
"""Loads scripts as each would load by itself, with none of the tests' own modules from the one before."""


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", TOOLS)
def test_the_tool_finds_no_fault(name: str) -> None:
    program, *arguments = TOOLS[name]
    done = subprocess.run(
        [str(Path(sys.executable).with_name(program)), *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_files_and_functions_are_short() -> None:
    """A migration is written once: it may be one long function."""
    files = {path: path.read_text().splitlines() for path in (ROOT / "bridge").rglob("*.py")}
    assert [str(path) for path, lines in files.items() if len(lines) > MOST_LINES_OF_A_FILE] == []
    assert len(files[ROOT / "bridge" / "app.py"]) <= MOST_LINES_OF_THE_ROOT
    functions = {
        f"{path}:{node.lineno}": (node.end_lineno or 0) - node.lineno + 1
        for path, lines in files.items()
        for node in ast.walk(ast.parse("\n".join(lines)))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and "migrations" not in path.parts
    }
    assert [name for name, lines in functions.items() if lines > MOST_LINES_OF_A_FUNCTION] == []
    assert max(functions.values()) > MOST_LINES_OF_A_FUNCTION // 2


def test_the_top_level_holds_only_what_belongs_there() -> None:
    """Also of what is new and not ignored."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    files = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True).stdout
    names = {path.partition("/")[0] for path in files.split("\0")} - {""}
    assert names >= TOP_LEVEL
    assert {
        name for name in names - TOP_LEVEL if not name.startswith(".") and not name.endswith(".lock")
    } == set()


def test_every_script_loads_by_itself() -> None:
    """Also what no test runs: the tests load the same modules in another order, which hides circles."""
    scripts = [
        path for path in (ROOT / "tests").rglob("*.py") if '\nif __name__ == "__main__":' in path.read_text()
    ]
    assert scripts
    start = [sys.executable, "-c", _START_EACH, *map(str, scripts)]
    done = subprocess.run(start, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
