"""Files with secrets, as `check` wants them."""

from pathlib import Path


def write_secret(file: Path, text: str) -> None:
    """Write a file that nobody else may read."""
    file.touch(mode=0o600)
    file.write_text(text)
