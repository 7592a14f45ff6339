"""Coverage-guided fuzzing of every family of parsers, by atheris.

Run `.venv/bin/python tests/fuzz/run.py --minutes 10`.

What breaks a promise is kept in `tests/fuzz/found`, from where the tests repeat it, and makes the exit
status 1.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Final

sys.path.append(str(Path(__file__).parents[1]))  # the tests' own packages, as pytest finds them

_NAMES: Final = ("forges", "forms", "rules", "config", "templates", "log_lines")
_MEMORY_MIB: Final = 1024
_HANG_SECONDS: Final = 20
_WORD: Final = re.compile(rb"[A-Za-z][A-Za-z0-9_-]{2,30}")


def prepare(family: str, folder: Path) -> None:
    """The seeds, and the words that stand in them, as libFuzzer wants them."""
    from fuzz.families import FAMILIES  # noqa: PLC0415  # the child has to be first to import the parsers

    (folder / "corpus").mkdir(parents=True)
    words: dict[bytes, None] = {}
    for number, seed in enumerate(FAMILIES[family].seeds()):
        (folder / "corpus" / f"seed-{number}").write_bytes(seed)
        words.update(dict.fromkeys(_WORD.findall(seed)))
    (folder / "words").write_bytes(b"".join(b'"%s"\n' % word for word in words))


def fuzz_each(families: Sequence[str], folder: Path, seconds: int, seed: int) -> dict[str, int]:
    """Fuzz one family after the other, in children of this process; returns their exit statuses."""
    import atheris  # noqa: PLC0415  # only the child needs it

    with atheris.instrument_imports(include=["bridge"]):
        import_module("fuzz.families")  # to instrument what it imports takes seconds

    statuses = {}
    for family in families:
        child = os.fork()
        if not child:
            fuzz(family, folder / family, seconds, seed)
        statuses[family] = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return statuses


def fuzz(family: str, folder: Path, seconds: int, seed: int) -> None:
    """Fuzz in this process; libFuzzer ends it."""
    import atheris  # noqa: PLC0415  # only the child needs it
    from fuzz.families import FAMILIES, FOUND, MAX_BYTES  # noqa: PLC0415  # they are instrumented now

    (FOUND / family).mkdir(parents=True, exist_ok=True)
    options = [
        f"-max_total_time={seconds}",
        f"-seed={seed}",
        f"-max_len={MAX_BYTES}",
        f"-timeout={_HANG_SECONDS}",
        f"-rss_limit_mb={_MEMORY_MIB}",
        f"-dict={folder / 'words'}",
        f"-artifact_prefix={FOUND / family}/",
        "-print_final_stats=1",
    ]
    atheris.Setup([sys.argv[0], *options, str(folder / "corpus")], FAMILIES[family].run)
    atheris.Fuzz()


def run(families: Sequence[str], seconds: int, seed: int) -> int:
    """Fuzz families in a process of their own; returns its exit status."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        for family in families:
            prepare(family, Path(folder) / family)
        # Measuring coverage twice would only be slow.
        environ = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
        environ["TMPDIR"] = folder
        options = [f"--family={family}" for family in families]
        options += ["--seconds", str(seconds), "--seed", str(seed), "--inside", folder]
        return subprocess.run([sys.executable, __file__, *options], env=environ, check=False).returncode


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=10.0, help="for each family")
    parser.add_argument("--seconds", type=int, help="instead of minutes")
    parser.add_argument(
        "--seed", type=int, default=0, help="the same one tries the same; 0 is another each time"
    )
    parser.add_argument("--family", choices=_NAMES, action="append", help="only this one")
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    seconds = options.seconds or int(options.minutes * 60)
    families = options.family or _NAMES
    if not options.inside:
        return run(families, seconds, options.seed)
    statuses = fuzz_each(families, options.inside, seconds, options.seed)
    for family, status in statuses.items():
        print(f"{family}: {'nothing found' if status == 0 else 'broken, see above'}")  # noqa: T201  # its output
    return int(any(statuses.values()))


if __name__ == "__main__":
    sys.exit(main())
