"""Any bytes give events, a reason or a fault, in little time; found once, tested for ever."""

import subprocess
import sys
from pathlib import Path

import pytest
from fuzz.families import FAMILIES, FOUND
from support.needs import needs_module

_SECONDS = 1


@pytest.mark.parametrize("name", FAMILIES)
def test_what_the_fuzzer_begins_with_keeps_every_promise(name: str) -> None:
    seeds = list(FAMILIES[name].seeds())
    assert len(seeds) >= 5
    for seed in seeds:
        FAMILIES[name].check(seed)


@pytest.mark.parametrize("file", [file for file in FOUND.glob("*/*") if file.is_file()], ids=lambda f: f.name)
def test_what_was_found_once_is_mended(file: Path) -> None:
    FAMILIES[file.parent.name].run(file.read_bytes())


def test_a_short_run_finds_nothing() -> None:
    needs_module("atheris")
    script = Path(__file__).with_name("run.py")
    done = subprocess.run(
        [sys.executable, script, "--seconds", str(_SECONDS), "--seed", "1"],
        capture_output=True,
        text=True,
        errors="replace",
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr[-8000:]
    assert {f"{name}: nothing found" for name in FAMILIES} <= set(done.stdout.splitlines())
    assert done.stderr.count("stat::number_of_executed_units") == len(FAMILIES)
