"""What `init`, its starters and the example configuration leave to be changed, and where it stands."""

import re
from collections.abc import Iterator
from contextlib import suppress
from itertools import chain, islice
from pathlib import Path
from typing import Final

from bridge.cli.scaffold import invented_secrets
from bridge.config.loader import Config
from bridge.errors import Fault
from bridge.registry import BUILDERS, CHANNELS
from bridge.rules.files import rule_files

_MARK: Final = re.compile(r"#\s*CHANGE\b[:\uff1a]?\s*(.*)")
_KEY: Final = re.compile(r"[\s-]*([\w-]+):")
_REFERENCE: Final = re.compile(r"\{(?:env|file|credential):")
_EXAMPLE: Final = re.compile("example", re.IGNORECASE)
_MOST: Final = 20


def placeholders(config: Config) -> Iterator[Fault]:
    """A warning of each secret, and of each line with the mark CHANGE, that is still as it was invented."""
    for name, value in invented_secrets().items():
        if value in config.secrets:
            places = (config.file.parent / folder / name for folder in ("secrets", "credentials"))
            place = next((place for place in places if place.is_file()), config.file)
            problem = f"the secret {name} is the one that `init` invented: put the real one in its place"
            yield Fault(str(place), "", problem, warning=True)
    invented = frozenset(_invented())
    files = [config.file, *map(Path, rule_files(config.rule_paths).files)]
    yield from islice(chain.from_iterable(_marked(file, invented) for file in files), _MOST)


def _invented() -> Iterator[str]:
    for adapters in (BUILDERS, CHANNELS):
        for kind in adapters:
            with suppress(FileNotFoundError):
                lines = adapters.text(kind, "starter.yaml").splitlines()
                yield from (_value(line) for line in lines if _MARK.search(line))


def _value(line: str) -> str:
    """What a line says, without its comment; "" where that is a place of a secret, which is looked at."""
    value = line[: line.index("#")].strip()
    return "" if _REFERENCE.search(value) else value


def _marked(file: Path, invented: frozenset[str]) -> Iterator[Fault]:
    with suppress(OSError, UnicodeDecodeError):
        for number, line in enumerate(file.read_text("utf-8").splitlines(), 1):
            mark, key = _MARK.search(line), _KEY.match(line)
            if mark is None:
                continue
            place = f"{file}:{number}:{(key or mark).start(1 if key else 0) + 1}"
            value = _value(line)
            if key is None:
                problem = f"{mark[1]} Then take the mark CHANGE away"
                yield Fault(place, "", problem, warning=True)
            elif value and (value in invented or _EXAMPLE.search(value)):
                problem = (
                    "is invented: put your own in its place, or take the mark CHANGE away if it is right"
                )
                yield Fault(place, key[1], problem, warning=True)
