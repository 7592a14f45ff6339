"""Rules at scale: 10 000 repositories against 10, and names that are made to be slow."""

import argparse
import gc
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.append(str(Path(__file__).parents[1]))  # the tests' own packages, as pytest finds them

from bench.harness import median, table
from support.rules import HEAD, NAMES, push, tag_config

from bridge.rules.diff import compare
from bridge.rules.explain import evaluate
from bridge.rules.files import rule_files
from bridge.rules.loader import load_rules
from bridge.rules.match import RuleSet

FEW, MANY = 10, 10_000
MAX_RATIO = 1.5
MAX_MILLISECONDS = 10.0
AT = 1735787045.0


def write(folder: Path, count: int) -> None:
    """One file for each repository; the last builds from the repository that is pushed to."""
    for number in range(count):
        code = "shop-web" if number == count - 1 else f"web-{number}"
        head = HEAD.replace("code_repo_name: shop-web", f"code_repo_name: {code}")
        text = head.replace("repo_name: shop\n", f"repo_name: shop-{number}\n", 1)
        text += tag_config("release/*", "r-{1}") + tag_config() + tag_config("v*", "{tag}", kind="tag")
        (folder / f"{number:05}.yaml").write_text(text)


def microseconds(work: Callable[[], object], rounds: int = 2000) -> float:
    """The median of one call."""
    times = []
    for _ in range(rounds):
        begun = time.perf_counter()
        work()
        times.append((time.perf_counter() - begun) * 1e6)
    return median(times)


def timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def per_event(rules: RuleSet) -> float:
    events = [push()]
    assert evaluate("Gitee", events, rules, AT, "gitee")[0].matching.matches
    return microseconds(lambda: evaluate("Gitee", events, rules, AT, "gitee"))


def slow_names(folder: Path) -> list[list[str]]:
    """Milliseconds for patterns and names that backtracking matchers choke on."""
    evil = [
        ("/(a+)+$/", "a" * 1000 + "!"),
        ("/(a|aa)*(b|bb)*c/", "ab" * 500),
        ("/(x+x+)+y/", "x" * 1000),
        ("**/**/**/**/z", "a/" * 500 + "b"),
        ("*a*a*a*a*a*b", "a" * 1000),
        ("**", "a" * 100_000),
        ("/.*/", "a/" * 50_000),
    ]
    rows = []
    for pattern, name in evil:
        (folder / "rules.yaml").write_text(HEAD + tag_config(pattern, "latest"))
        rules = load_rules([folder / "rules.yaml"], NAMES)
        event = push(name)
        took = microseconds(partial(evaluate, "Gitee", [event], rules, AT), 20) / 1000
        rows.append(
            [f"{pattern} on {len(name):,} characters", f"{took:.2f} ms", f"{MAX_MILLISECONDS:.0f} ms"]
        )
        if took > MAX_MILLISECONDS:
            raise RuntimeError(f"{pattern}: {took:.1f} ms")
    return rows


def resident() -> float:
    """MiB of this process in memory."""
    line = next(
        line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS:")
    )
    return int(line.split()[1]) / 1024


def load(folder: Path) -> tuple[RuleSet, float, float]:
    """The rules, the seconds and the MiB that loading took, in this process."""
    gc.collect()
    before = resident()
    begun = time.perf_counter()
    rules = load_rules([folder], NAMES)
    seconds = time.perf_counter() - begun
    return rules, seconds, resident() - before


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", type=int, help="load so many and print seconds and MiB")
    options = parser.parse_args()
    if options.only:
        with TemporaryDirectory() as name:
            write(Path(name), options.only)
            _, seconds, size = load(Path(name))
        print(f"{seconds} {size}")  # noqa: T201  # its output
        return
    with TemporaryDirectory() as few_name, TemporaryDirectory() as many_name:
        few_folder, many_folder = Path(few_name), Path(many_name)
        write(few_folder, FEW)
        write(many_folder, MANY)
        few, many = load_rules([few_folder], NAMES), load_rules([many_folder], NAMES)
        few_time, many_time = per_event(few), per_event(many)
        ratio = many_time / few_time
        alone = subprocess.run(
            [sys.executable, __file__, "--only", str(MANY)],
            capture_output=True,
            text=True,
            check=True,
            timeout=600,
        )
        seconds, size = map(float, alone.stdout.split())
        rows = [
            [f"one event, {FEW:,} repositories", f"{few_time:.1f} µs", ""],
            [f"one event, {MANY:,} repositories", f"{many_time:.1f} µs", ""],
            ["ratio", f"{ratio:.2f}", f"{MAX_RATIO}"],
            [f"load {MANY:,} documents", f"{seconds:.2f} s, {size:.0f} MiB", ""],
            [
                "load them again and compare",
                f"{timed(lambda: compare(many, load_rules([many_folder], NAMES))):.2f} s",
                "",
            ],
            ["see that no file changed", f"{timed(lambda: rule_files([many_folder])) * 1000:.0f} ms", ""],
            *slow_names(few_folder),
        ]
    print(table(["", "measured", "at most"], rows))  # noqa: T201  # its output
    if ratio > MAX_RATIO:
        raise RuntimeError(f"an event costs {ratio:.2f} times as much with many rules")


if __name__ == "__main__":
    try:
        main()
    except (RuntimeError, subprocess.SubprocessError) as error:
        sys.exit(str(error))
