"""A plugin of pytest that completes `--cov-context=test`.

What the processes of a test execute counts as the test's, too, and `seconds.json` beside the configuration of
coverage says how long each test took that passed.
"""

import json
import os
from collections import defaultdict
from pathlib import Path

import pytest

_SECONDS: defaultdict[str, float] = defaultdict(float)
_NOT_PASSED: set[str] = set()


def settings(folder: Path) -> Path:
    """Write a configuration of coverage whose data file stands in the folder, too."""
    file = folder / "coveragerc"
    lines = [
        "[run]",
        "core = ctrace",
        "parallel = true",
        "source = bridge",
        f"data_file = {folder}/.coverage",
    ]
    # Empty in pytest's own process, which coverage tells of each test.
    file.write_text("\n".join([*lines, "context = ${PYTEST_CURRENT_TEST-}", ""]))
    return file


def pytest_runtest_setup(item: pytest.Item) -> None:
    # Not before: pytest's own workers must not be measured twice.
    os.environ["COVERAGE_PROCESS_START"] = item.config.getoption("cov_config")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    _SECONDS[report.nodeid] += report.duration
    if report.outcome != "passed":
        _NOT_PASSED.add(report.nodeid)


def pytest_sessionfinish(session: pytest.Session) -> None:
    if not hasattr(session.config, "workerinput"):
        passed = {test: seconds for test, seconds in _SECONDS.items() if test not in _NOT_PASSED}
        Path(session.config.getoption("cov_config")).with_name("seconds.json").write_text(json.dumps(passed))
