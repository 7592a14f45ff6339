"""The mistakes in `tests/mutants/*.yaml`: each is put in, and the tests that it names have to fail.

An entry changes one file: `replace` occurs once in it and becomes `by`; `why` says what the mistake would do
to users. `equivalent.yaml` has entries without `tests`: what a sampled run may change and no test can notice.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml
from mutation.trees import ROOT, Mutant, copies, noticed, run_suite

MUTANTS: Final = ROOT / "tests" / "mutants"
EQUIVALENT: Final = MUTANTS / "equivalent.yaml"


@dataclass(frozen=True, kw_only=True)
class Entry:
    file: str
    why: str
    replace: str
    by: str
    tests: tuple[str, ...] = ()

    def changed(self) -> str:
        """The file's source with the mistake in it."""
        return (ROOT / self.file).read_text().replace(self.replace, self.by)


def entries(file: Path) -> list[Entry]:
    """What a list holds; TypeError when an entry has other keys."""
    return [Entry(**entry) for entry in yaml.load(file.read_text(), yaml.CSafeLoader) or []]


def planted_files() -> list[Path]:
    return sorted(file for file in MUTANTS.glob("*.yaml") if file != EQUIVALENT)


def run() -> bool:
    """Check every planted mutant; whether each was noticed."""
    mutants = [
        Mutant(f"{entry.file}: {entry.why}", entry.file, entry.changed(), entry.tests)
        for file in planted_files()
        for entry in entries(file)
    ]
    with copies() as trees:
        status, printed = run_suite(
            trees[0], dict.fromkeys(test for mutant in mutants for test in mutant.tests)
        )
        if status != 0:
            print(f"{printed}\nThe tests of the planted mutants fail on the unchanged code.")
            return False
        return noticed(trees, mutants, "planted") == 1
