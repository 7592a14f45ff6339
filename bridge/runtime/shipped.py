"""Files of `deploy/` that the program itself hands out."""

from importlib.resources import files
from pathlib import Path

import bridge


def shipped(path: str) -> bytes:
    """A file of `deploy/`, as it is installed or as it stands in a checkout of the sources.

    Raises FileNotFoundError.
    """
    installed = files(bridge) / "data" / path
    if installed.is_file():
        return installed.read_bytes()
    return (Path(bridge.__file__).parents[1] / "deploy" / path).read_bytes()
