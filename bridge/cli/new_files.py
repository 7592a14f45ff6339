"""Writes files that are not there yet: all of them, or none."""

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import click

from bridge.cli.scaffold import PRIVATE, File


def write_new(folder: Path, files: Mapping[str, File]) -> None:
    """Write all, or nothing when one of them is there or cannot be written. Raises ClickException."""
    for name in files:
        if os.path.lexists(folder / name):
            raise click.ClickException(
                f"{folder / name} is there already: nothing was written. Name another FOLDER, or use --add"
            )
    made: list[Path] = []
    try:
        for name, file in files.items():
            path = folder / name
            private = file.mode == PRIVATE or path.parent.name == "secrets"
            path.parent.mkdir(0o700 if private else 0o777, parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, file.mode)
            made.append(path)
            with os.fdopen(descriptor, "wb") as opened:
                opened.write(file.content)
                opened.flush()
                os.fsync(opened.fileno())
    except OSError as error:
        for path in made:
            with suppress(OSError):
                path.unlink()
        raise click.ClickException(f"{error.filename} cannot be written: {error.strerror}") from None
