"""A sample of small mistakes anywhere in the code that decides.

Each is put in alone, in a line that no other changes, and the tests that execute the line have to fail.
"""

import ast
import difflib
import json
import random
import re
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import takewhile
from pathlib import Path
from typing import Final

from coverage import CoverageData
from mutation import tracing
from mutation.operators import mutations, same
from mutation.planted import EQUIVALENT, entries
from mutation.trees import ROOT, Mutant, copies, noticed, run_suite

PACKAGE: Final = "bridge"
# They show and set up; what they promise is seen at once when it breaks.
SPARED: Final = ("bridge/__main__.py", "bridge/cli", "bridge/demo", "bridge/store/migrations")
SUITE: Final = ("tests",)
_WANTED: Final = 0.9
_TEST_SECONDS: Final = 240.0
_IN_FIXTURE: Final = " (setup)"
"""The end of the context of a process that a fixture has started: any test of the file may use it."""
_CONTEXT: Final = re.compile(r"(\|| \()(setup|run|call|teardown)\)?$")


def run(number: int, seed: int, suite: Iterable[str] = SUITE) -> bool:
    """Check a sample; whether the share of mistakes that were noticed is as wanted."""
    print(f"sampled mutants, seed {seed}: running the suite to see what each test executes", flush=True)
    with copies() as trees, tempfile.TemporaryDirectory(prefix="traces-") as folder:
        traces = Traces(trees[0], Path(folder), suite)
        mutants = [
            Mutant(_diff(file, changed), file, changed, traces.closest(file, line))
            for file, line, changed in sample(number, seed)
        ]
        share = noticed(trees, mutants, "sampled")
    print(f"{share:.0%} of the sample are noticed, {_WANTED:.0%} are wanted")
    return share >= _WANTED


def sample(number: int, seed: int) -> Iterator[tuple[str, int, str]]:
    """The file, the line and the changed source of each; the same ones for the same seed and code."""
    drawing = random.Random(seed)
    sources = {file: (ROOT / file).read_text() for file in files()}
    ways = {(file, line): some for file in sources for line, some in mutations(sources[file]).items()}
    equivalent = [(entry.file, entry.changed()) for entry in entries(EQUIVALENT)]
    lines = sorted(ways)
    drawing.shuffle(lines)
    for file, line in lines:
        changed = drawing.choice(ways[file, line]).apply(sources[file])
        if changed and not any(file == known and same(changed, source) for known, source in equivalent):
            yield file, line, changed
            number -= 1
        if number <= 0:
            return


def files() -> list[str]:
    """Every source that decides something, as a path from the root."""
    found = (str(file.relative_to(ROOT)) for file in (ROOT / PACKAGE).rglob("*.py"))
    return sorted(file for file in found if not any(Path(file).is_relative_to(spared) for spared in SPARED))


class Traces:
    """Which tests of the unchanged tree execute a line, and how long each takes."""

    def __init__(self, tree: Path, folder: Path, suite: Iterable[str]) -> None:
        measured = ("--cov=bridge", "--cov-context=test", f"--cov-config={tracing.settings(folder)}")
        status, printed = run_suite(tree, suite, "-p", "mutation.tracing", *measured)
        if status == 1:
            print(f"{printed}\nTests fail on the unchanged code; they are left out.")
        elif status != 0:
            raise RuntimeError(f"the suite cannot be run:\n{printed}")
        self._seconds: dict[str, float] = json.loads((folder / "seconds.json").read_text())
        self._data = CoverageData(str(folder / ".coverage"))
        self._data.read()
        self._tree = tree

    def closest(self, file: str, line: int) -> list[str]:
        """The tests that execute the line, as many as fit into the time.

        A line outside of functions is executed by whichever test imports the file first, which says nothing:
        all are taken that import the file by its name, execute any line of it, or stand in the folder that
        mirrors that of the file. The first are those that import it, then those of the nearest folder; the
        fastest of them, and the first case of each function before any second.
        """
        by_line = self._data.contexts_by_lineno(str(self._tree / file))
        # An expression of several lines may be known by its first.
        known = max((number for number in by_line if number <= line), default=0)
        tests = self._tests(by_line.get(known, ())) if _in_function(self._tree / file, line) else set()
        importing = self._importing(file)
        if not tests:
            tests = self._tests(context for contexts in by_line.values() for context in contexts)
            tests |= importing | {test for test in self._seconds if _shared_folders(file, test)}
        cases: Counter[str] = Counter()
        order = []
        for test in sorted(tests, key=lambda test: self._seconds[test]):
            function = test.partition("[")[0]
            near = test in importing, _shared_folders(file, test)
            order.append((not near[0], -near[1], cases[function], self._seconds[test], test))
            cases[function] += 1
        chosen: list[str] = []
        left = _TEST_SECONDS
        for *_, seconds, test in sorted(order):
            left -= seconds
            if chosen and left < 0:
                break
            chosen.append(test)
        return chosen

    def _importing(self, file: str) -> set[str]:
        """The tests of the files that import from the module by its name."""
        folder, _, name = ".".join(Path(file).with_suffix("").parts).rpartition(".")
        imports = re.compile(rf"from {folder}\.{name} import|from {folder} import .*\b{name}\b")
        files = {test.partition("::")[0] for test in self._seconds}
        wanted = {file for file in files if imports.search((self._tree / file).read_text())}
        return {test for test in self._seconds if test.partition("::")[0] in wanted}

    def _tests(self, contexts: Iterable[str]) -> set[str]:
        found = set()
        for context in contexts:
            found.add(_CONTEXT.sub("", context))
            if context.endswith(_IN_FIXTURE):
                file = context.partition("::")[0]
                found |= {test for test in self._seconds if test.partition("::")[0] == file}
        return found & self._seconds.keys()


def _shared_folders(file: str, test: str) -> int:
    """How many folders below the packages of the code and of the tests the two have in common."""
    folders = zip(Path(file).parts[1:-1], Path(test.partition("::")[0]).parts[1:-1], strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], folders))


def _in_function(file: Path, line: int) -> bool:
    return any(
        node.body[0].lineno <= line <= (node.end_lineno or 0)
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )


def _diff(file: str, changed: str) -> str:
    before, after = (ROOT / file).read_text().splitlines(), changed.splitlines()
    return "\n".join(["", *difflib.unified_diff(before, after, file, "changed", n=2, lineterm="")])
