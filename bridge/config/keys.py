"""The keys that sign tokens of the API: those of the configuration, else one in a file beside the store."""

import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from bridge.config.loader import Config
from bridge.config.settings import SHORTEST_KEY
from bridge.config.types import Secret
from bridge.errors import ConfigError, Fault


def with_signing_key(config: Config) -> Config:
    """The configuration with at least one of `api.keys`. Raises ConfigError."""
    if config.settings.api.keys:
        return config
    key = kept_key(config.key_file)
    api = config.settings.api.model_copy(update={"keys": (Secret(key),)})
    settings = config.settings.model_copy(update={"api": api})
    return replace(config, settings=settings, secrets=config.secrets | {key})


def kept_key(file: Path) -> str:
    """The key in the file, which is made when it is not there. Raises ConfigError."""
    try:
        with suppress(FileNotFoundError):
            return _read(file)
        _make(file)
        return _read(file)
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not text"
        problem = f"the key of the API's tokens: {why}: the daemon and `token add` both need this file"
        raise ConfigError([Fault(str(file), "", problem)]) from None


def replace_key(file: Path, key: str) -> Path | None:
    """Have this key in the file; returns where another key that was there is kept. Raises OSError.

    At no moment is the file gone: who starts without one makes another key, and all tokens are void.
    """
    kept = None
    with suppress(FileNotFoundError):
        if file.read_text(encoding="ascii", errors="replace").strip() == key:
            return None
        name = file.with_name(f"{file.name}.replaced-{secrets.token_hex(4)}")
        os.link(file, name)
        kept = name
    with _written(file, key) as made:
        made.replace(file)
    return kept


def _read(file: Path) -> str:
    key = file.read_text(encoding="ascii").strip()
    if len(key) < SHORTEST_KEY:
        problem = "holds no key: delete it, and a new one is made; tokens that were made before are void then"
        raise ConfigError([Fault(str(file), "", problem)])
    return key


def _make(file: Path) -> None:
    """Make the file with a new key, or leave the one that another process has made."""
    with _written(file, secrets.token_hex(32)) as made, suppress(FileExistsError):
        os.link(made, file)


@contextmanager
def _written(file: Path, key: str) -> Iterator[Path]:
    """Another file beside this one with the key, for the caller to put in place; then that is synced."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
    descriptor, name = tempfile.mkstemp(prefix=f".{file.name}-", dir=file.parent)  # with mode 0600
    made = Path(name)
    try:
        with os.fdopen(descriptor, "w") as opened:
            opened.write(f"{key}\n")
            opened.flush()
            if os.geteuid() == 0:
                # The administrator may be the first who needs it; the daemon has to read it, too.
                owner = file.parent.stat()
                os.fchown(opened.fileno(), owner.st_uid, owner.st_gid)
            os.fsync(opened.fileno())
        yield made
    finally:
        made.unlink(missing_ok=True)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
