from pathlib import Path

import pytest
from support.faulty import expected_fault, faulty_files
from support.kinds import KINDS

from bridge.config.loader import load_config
from bridge.errors import ConfigError

BAD = Path(__file__).parent / "bad"


@pytest.mark.parametrize("file", faulty_files(BAD), ids=lambda file: file.stem)
def test_the_fault_of_a_configuration_is_reported_with_its_place_and_a_cure(file: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(file, KINDS, {"HOOK": "s3cret"})
    assert [str(fault).replace(f"{BAD}/", "") for fault in caught.value.faults] == [expected_fault(file)]
