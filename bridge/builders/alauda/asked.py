"""The builds whose end we asked for: Alauda shows them as failed, as deleted, or no more at all."""

from pathlib import Path

from bridge.builders.alauda.model import AlaudaRef
from bridge.errors import Transient


class AskedEnds:
    """One empty file for each build in a folder, so that the next process knows of it, too."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __contains__(self, ref: AlaudaRef) -> bool:
        return self._file(ref).exists()

    def add(self, ref: AlaudaRef) -> None:
        """Raises RemoteError."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._file(ref).touch()
        except OSError as error:
            raise Transient(f"it cannot be kept that the build is to end: {error}") from error

    def discard(self, ref: AlaudaRef) -> None:
        """Raises RemoteError."""
        try:
            self._file(ref).unlink(missing_ok=True)
        except OSError as error:
            raise Transient(f"a file of the build cannot be removed: {error}") from error

    def _file(self, ref: AlaudaRef) -> Path:
        return self._folder / f"asked-{ref.id}"
