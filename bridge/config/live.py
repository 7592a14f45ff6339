"""What of a changed configuration a running daemon follows, and what waits for its next start (pure)."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from pydantic import BaseModel

from bridge.config.loader import Config
from bridge.config.settings import Settings

_HELD: Final = ("store.url", "store.log_limit", "store.min_free", "server.host", "server.port")
"""What the open store and the socket that listens were made of."""
_ENTRIES: Final = ("sources", "builders", "channels")
_PERSONAL: Final = "people"


def held(config: Config, begun: Settings) -> tuple[Config, tuple[str, ...]]:
    """The configuration without what cannot change since a start by `begun`, and the keys of that."""
    waiting = tuple(key for key in _HELD if _at(config.settings, key) != _at(begun, key))
    server = config.settings.server.model_copy(update={"host": begun.server.host, "port": begun.server.port})
    settings = config.settings.model_copy(update={"store": begun.store, "server": server})
    return replace(config, settings=settings), waiting


def changed(before: Config, after: Config) -> tuple[str, ...]:
    """The keys that differ, such as `sources.gitee` or `log.level`: no value, and no one's address."""
    return tuple(_changed(before, after))


def _changed(before: Config, after: Config) -> Iterator[str]:
    for section in Settings.model_fields:
        was, now = (_section(config, section) for config in (before, after))
        if was == now:
            continue
        if section == _PERSONAL or not isinstance(was, dict) or not isinstance(now, dict):
            yield section
            continue
        yield from (f"{section}.{key}" for key in sorted({*was, *now}) if was.get(key) != now.get(key))


def _section(config: Config, name: str) -> Any:
    """A section by its keys, where it has any."""
    if name in _ENTRIES[1:]:
        # Where an entry stands in the file is no part of it.
        adapters = getattr(config, name)
        return {key: (one.kind, one.server, one.settings) for key, one in adapters.items()}
    section = getattr(config.settings, name)
    return dict(iter(section)) if isinstance(section, BaseModel) else section


def _at(settings: Settings, key: str) -> Any:
    section, name = key.split(".")
    return getattr(getattr(settings, section), name)
