from pathlib import Path

import pytest
from support.faulty import expected_fault, faulty_files
from support.rules import NAMES

from bridge.errors import ConfigError
from bridge.rules.loader import load_rules

BAD = Path(__file__).parent / "bad"


@pytest.mark.parametrize("file", faulty_files(BAD), ids=lambda file: file.stem)
def test_the_fault_of_a_rule_file_is_reported_with_its_place_and_a_cure(file: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_rules([file], NAMES)
    assert [str(fault).replace(f"{BAD}/", "") for fault in caught.value.faults] == [expected_fault(file)]


def test_all_faults_of_all_files_are_reported_at_once_and_in_order() -> None:
    """Every file's fault but those about files that repeat the same repository is there."""
    with pytest.raises(ConfigError) as caught:
        load_rules([BAD], NAMES)
    faults = "\n".join(str(fault).replace(f"{BAD}/", "") for fault in caught.value.faults)
    missing = [file.name for file in faulty_files(BAD) if expected_fault(file) not in faults]
    again = [file.name for file in faulty_files(BAD) if f"{file.name}:" in faults]
    assert set(missing) <= {"repository-defined-twice.yaml", *_repeats(faults)}
    assert len(again) == len(faulty_files(BAD))


def _repeats(faults: str) -> set[str]:
    return {line.partition(":")[0] for line in faults.splitlines() if "is defined twice" in line}
