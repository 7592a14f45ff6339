"""The lists of mutants stay true while the code moves."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from mutation.operators import mutations, same
from mutation.planted import EQUIVALENT, Entry, entries, planted_files
from mutation.sampled import PACKAGE, SPARED, files
from mutation.trees import ROOT


def faults(entry: Entry, *, equivalent: bool) -> Iterator[str]:
    """What is wrong with an entry of a list."""
    source = (ROOT / entry.file).read_text()
    if not entry.why:
        yield "it has no why"
    if (count := source.count(entry.replace)) != 1:
        yield f"what is replaced occurs {count} times"
    if entry.by == entry.replace:
        yield "it changes nothing"
    elif entry.file.endswith(".py"):
        try:
            if same(entry.changed(), source):
                yield "it changes nothing that the code does"
        except SyntaxError as error:
            yield f"it does not compile: {error}"
    if bool(entry.tests) == equivalent:
        yield f"it has {len(entry.tests)} tests"
    for test in entry.tests:
        file, *inside = test.partition("[")[0].split("::")
        if not (ROOT / file).exists() or any(f" {part}(" not in (ROOT / file).read_text() for part in inside):
            yield f"there is no {test}"


@pytest.mark.parametrize("file", [*planted_files(), EQUIVALENT], ids=lambda file: file.name)
def test_each_entry_can_be_put_in_and_its_tests_exist(file: Path) -> None:
    listed = entries(file)
    assert listed
    found = [
        f"{entry.file}: {entry.why}: {fault}"
        for entry in listed
        for fault in faults(entry, equivalent=file == EQUIVALENT)
    ]
    assert found == []


def test_what_a_sample_spares_exists() -> None:
    assert all((ROOT / spared).exists() for spared in SPARED)
    assert f"{PACKAGE}/errors.py" in files()
    assert not any(Path(file).is_relative_to(SPARED[-1]) for file in files())


def test_a_sample_changes_what_the_code_does_and_nothing_that_it_only_says() -> None:
    source = """
@retry(3)
def turn(self, times: Annotated[int, 4] = 1) -> Annotated[int, 5]:
    "6 or 7"
    assert times > 0
    log.info("turned", times=times + 8)
    self.angle += times
    if times < 9 and self.still:
        raise TooOften
"""
    source += """
def turned(self, times: int = 1) -> int:
    "10 or 11"
def still(self, times: int = 1) -> int: ...
"""
    found = mutations(source)
    changed = {mutation.apply(source) for some in found.values() for mutation in some}
    assert sorted(found) == [3, 7, 8, 9]
    for line in (
        "def turn(self, times: Annotated[int, 4] = 2) -> Annotated[int, 5]:",
        "    if times <= 9 and self.still:",
        "    if times < 9 or self.still:",
        "    if not times < 9 and self.still:",
        "    if times < 10 and self.still:",
    ):
        assert any(line in (text or "").splitlines() for text in changed), changed
    assert source.replace("self.angle += times", "pass") in changed
    assert source.replace("raise TooOften", "pass") in changed


def test_a_measure_is_not_changed_by_a_little_and_codes_counts_and_powers_are() -> None:
    source = """
MAX_TEXT: Final = 2000
MAX_BYTES: Final = 64 * 1024
LONG_SECONDS: Final = 24 * 3600.0
MAX_NAMES: Final = 1 << 20
MAX_TRIES: Final = 3
NOT_FOUND: Final = 404
MAX_AGES: Final = {11: 12}
def limit():
    MAX_TEXT = 2000
"""
    changed = {mutation.apply(source) for some in mutations(source).values() for mutation in some}
    lines = {line.replace("  ", " ") for text in changed for line in (text or "").splitlines()}
    assert not lines & {
        "MAX_TEXT: Final = 2001",
        "MAX_BYTES: Final = 65 * 1024",
        "LONG_SECONDS: Final = 24 * 3601.0",
    }
    assert lines >= {
        "MAX_BYTES: Final = 64 + 1024",
        "MAX_NAMES: Final = 1 << 21",
        "MAX_NAMES: Final = 2 << 20",
        "MAX_TRIES: Final = 4",
        "NOT_FOUND: Final = 405",
        "MAX_AGES: Final = { 12: 12}",
    }
    assert any("MAX_TEXT = 2001" in line for line in lines)
