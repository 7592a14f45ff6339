"""What takes too long for the suite: `.venv/bin/python tests/nightly.py`.

One after the other

- coverage: the whole suite, measured; that doubles the time it takes;
- planted: each mistake of `tests/mutants` is put into a copy of the tree, and its tests have to fail;
- sampled: the same with a sample of small mistakes anywhere in the code that decides;
- examples: tests of any input play ten times as many examples as by day, others each night;
- histories: the random histories of the planner are played from another seed;
- kills: the daemon and its runners are killed 60 times, with accidents of the store's file among it;
- reloads: a daemon under fire takes 50 sets of its configuration, of which every other one is faulty;
- failpoints: a process dies at each of its commits and calls, with every kind of builder behind a network,
  and at each commit and send of its notices;
- doubts: fifty triggers at once that each builder behind a network carries out late;
- burst: 500 builds end within ten seconds, and are told to one robot by the clock of the system;
- calls: tens of thousands of random calls of the API, others each night;
- fuzz: every family of parsers is fuzzed by `tests/fuzz/run.py`.

The exit status is 1 when a planted mistake or too many of the sample stay unnoticed, or when another part
finds a mistake.
"""

import argparse
import datetime as dt
import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from mutation import planted, sampled


def examples(seed: int) -> bool:
    seeded = f"--hypothesis-seed={seed}"
    passed = [
        _pytest("tests", "-m", "hypothesis", seeded, EXAMPLES="3"),
        _pytest("tests/model/test_language.py", seeded, EXAMPLES="3"),
    ]
    return all(passed)


def histories(seed: int) -> bool:
    base = seed * 1_000_000  # another night never plays the same
    return _pytest("tests/planning/test_histories.py", HISTORIES="500", HISTORIES_SEED=str(base))


def kills(seed: int) -> bool:
    return _pytest("tests/crash/test_random_kills.py", KILLS="60", KILLS_SEED=str(seed))


def reloads() -> bool:
    return _pytest("tests/daemon/test_reload_under_fire.py", RELOADS="50")


def failpoints() -> bool:
    files = ("tests/builders/test_failpoints.py", "tests/services/test_notice_failpoints.py")
    passed = [_pytest(file, FAILPOINTS_STRIDE="1") for file in files]
    return all(passed)


def doubts() -> bool:
    return _pytest("tests/builders/test_doubt.py", DOUBTS="50")


def burst() -> bool:
    return _pytest("tests/services/test_burst.py", BURST_CLOCK="real")


def calls(seed: int) -> bool:
    return _pytest("tests/daemon/test_random_calls.py", CALLS="100", CALLS_SEED=str(seed))


def coverage() -> bool:
    program = [sys.executable, "-m", "pytest", "-n", "logical", "--dist", "worksteal", "--cov"]
    return subprocess.run(program, cwd=Path(__file__).parents[1], check=False).returncode == 0


def _pytest(file: str, *options: str, **settings: str) -> bool:
    print(file, *options, " ".join(f"{name}={value}" for name, value in settings.items()), flush=True)
    program = [sys.executable, "-m", "pytest", "--no-cov", "--timeout=1800", *options, file]
    root = Path(__file__).parents[1]
    return subprocess.run(program, cwd=root, env=os.environ | settings, check=False).returncode == 0


def fuzz(minutes: float) -> bool:
    program = Path(__file__).parent / "fuzz" / "run.py"
    return subprocess.run([sys.executable, program, "--minutes", str(minutes)], check=False).returncode == 0


def main() -> int:
    tonight = dt.datetime.now(dt.UTC).date().toordinal()
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--only",
        choices=(
            "coverage",
            "planted",
            "sampled",
            "examples",
            "histories",
            "kills",
            "reloads",
            "failpoints",
            "doubts",
            "burst",
            "calls",
            "fuzz",
        ),
        help="only this part",
    )
    parser.add_argument("--sample", type=int, default=100, metavar="N", help="how many mistakes to sample")
    parser.add_argument(
        "--seed", type=int, default=tonight, help="of the sample and the histories; another each night"
    )
    parser.add_argument("--minutes", type=float, default=10.0, help="of fuzzing, for each family")
    options = parser.parse_args()
    parts: dict[str, Callable[[], bool]] = {
        "coverage": coverage,
        "planted": planted.run,
        "sampled": partial(sampled.run, options.sample, options.seed),
        "examples": partial(examples, options.seed),
        "histories": partial(histories, options.seed),
        "kills": partial(kills, options.seed),
        "reloads": reloads,
        "failpoints": failpoints,
        "doubts": doubts,
        "burst": burst,
        "calls": partial(calls, options.seed),
        "fuzz": partial(fuzz, options.minutes),
    }
    names = [options.only] if options.only else list(parts)
    results = {name: parts[name]() for name in names}
    for name, passed in results.items():
        print(f"{name}: {'passed' if passed else 'FAILED, see above'}")
    return 0 if all(results.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
