"""Copies of the working tree, in which a file is changed and its tests are run."""

import contextlib
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from enum import Enum
from importlib.util import cache_from_source
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
_WORKERS: Final = 2
_MUTANT_SECONDS: Final = 600
_SUITE_SECONDS: Final = 7200
_LINES: Final = 50
_ALONE: Final = ("-p", "no:randomly", "-x")


class Outcome(Enum):
    NOTICED = "noticed"
    TIMED_OUT = "noticed by a time-out"
    SURVIVED = "SURVIVED"
    UNCLEAR = "UNCLEAR: no test failed, but they could not be run"


_BY_STATUS: Final = {0: Outcome.SURVIVED, 1: Outcome.NOTICED, None: Outcome.TIMED_OUT}


@dataclass(frozen=True)
class Mutant:
    """The changed source of one file, and the node ids of the tests that have to fail."""

    title: str
    file: str
    source: str
    tests: Sequence[str]


def pytest(
    tree: Path, options: Sequence[str], tests: Iterable[str], seconds: int, **environ: str
) -> tuple[int | None, str]:
    """Run pytest in a tree; its exit status, or None when the time was up, and the end of what it printed."""
    # Coverage of this process is not theirs. What they start has to import the tree's package, too.
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("COV", "PYTEST"))}
    kept["PYTHONPATH"] = os.pathsep.join([str(tree), str(tree / "tests")])
    with tempfile.TemporaryDirectory(prefix="pytest-") as folder:
        # There may be more of them than a command line can hold.
        (Path(folder) / "tests").write_text("\n".join(tests))
        with (Path(folder) / "printed").open("w+") as printed:
            process = subprocess.Popen(
                [sys.executable, "-m", "pytest", *options, f"@{folder}/tests"],
                cwd=tree,
                env=kept | environ,
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                status = process.wait(seconds)
            except subprocess.TimeoutExpired:
                status = None
            finally:
                # What a failed test has left running, too.
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            printed.seek(0)
            return status, "".join(printed.readlines()[-_LINES:])


def run_suite(tree: Path, tests: Iterable[str], *options: str) -> tuple[int | None, str]:
    """Run tests in parallel on an unchanged tree."""
    return pytest(tree, ["-n", "logical", "--dist", "worksteal", *options], tests, _SUITE_SECONDS)


def check(tree: Path, mutant: Mutant) -> Outcome:
    """Put a mutant into the tree, run its tests and take it out again."""
    if not mutant.tests:  # pytest would run all that there are
        return Outcome.SURVIVED
    file = tree / mutant.file
    before = file.read_text()
    # Byte code of the same second and size would pass for that of the mutant.
    Path(cache_from_source(str(file))).unlink(missing_ok=True)
    file.write_text(mutant.source)
    try:
        status, _ = pytest(tree, _ALONE, mutant.tests, _MUTANT_SECONDS, PYTHONDONTWRITEBYTECODE="1")
    finally:
        file.write_text(before)
    return _BY_STATUS.get(status, Outcome.UNCLEAR)


def copy_tree(target: Path) -> None:
    """Copy all files that Git does not ignore, as they are now, with their byte code.

    To compile all tests takes ten seconds, and copies have the times by which byte code is known as good.
    """
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, names.split("\0")):
        if (ROOT / name).exists():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name, follow_symlinks=False)
            if name.endswith(".py"):
                _copy_byte_code(Path(name), target)


def _copy_byte_code(name: Path, target: Path) -> None:
    cache = (ROOT / name).parent / "__pycache__"
    for compiled in cache.glob(f"{name.stem}.*.pyc"):
        copy = target / name.parent / "__pycache__" / compiled.name
        copy.parent.mkdir(exist_ok=True)
        with contextlib.suppress(FileNotFoundError):  # another process replaces it
            shutil.copy2(compiled, copy)


@contextlib.contextmanager
def copies() -> Iterator[list[Path]]:
    """One copy of the tree for each worker."""
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        trees = [Path(folder) / str(number) for number in range(_WORKERS)]
        for tree in trees:
            copy_tree(tree)
        yield trees


def noticed(trees: list[Path], mutants: Sequence[Mutant], what: str) -> float:
    """Check mutants in all trees at once, and print each outcome; the share that tests noticed."""
    idle: queue.SimpleQueue[Path] = queue.SimpleQueue()
    for tree in trees:
        idle.put(tree)

    def in_some_tree(mutant: Mutant) -> tuple[Mutant, Outcome]:
        tree = idle.get()
        try:
            return mutant, check(tree, mutant)
        finally:
            idle.put(tree)

    count = 0
    with ThreadPoolExecutor(len(trees)) as pool:
        for done in as_completed([pool.submit(in_some_tree, mutant) for mutant in mutants]):
            mutant, outcome = done.result()
            count += outcome in {Outcome.NOTICED, Outcome.TIMED_OUT}
            print(f"{outcome.value}, {len(mutant.tests)} tests: {mutant.title}", flush=True)
    print(f"{what} mutants: {count} of {len(mutants)} noticed")
    return count / len(mutants)
