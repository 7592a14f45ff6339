"""What is known of a configuration without the secrets of its parts."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bridge.config.notices import Events
from bridge.config.pools import events_of_pools
from bridge.config.settings import Settings
from bridge.config.store import SQLITE
from bridge.model.notice import MESSAGE_CHANNEL

MESSAGE_KIND: Final = "MESSAGE"
"""The kind of the channel of in-app messages, which is there without being configured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """The part of a configuration that needs no secrets: paths and names."""

    file: Path
    settings: Settings

    @property
    def rule_paths(self) -> tuple[Path, ...]:
        """The files and folders with rules; relative paths start at the folder of the file."""
        return tuple(self.file.parent / path for path in self.settings.rules)

    @property
    def store_url(self) -> str:
        """Where the store is, with an absolute path; it may hold a password, and is not to be shown."""
        return self.settings.store.address if self.store_file is None else f"{SQLITE}{self.store_file}"

    @property
    def store_name(self) -> str:
        """What the store is called for people: its file, or the address of its database."""
        return self.settings.store.url if self.store_file is None else str(self.store_file)

    @property
    def store_file(self) -> Path | None:
        """The file of the store, with an absolute path; None for the database of a server."""
        store = self.settings.store
        return store.path(self.file.parent).absolute() if store.is_file else None

    @property
    def home(self) -> Path:
        """The folder of what this machine keeps beside the store: where its file is, whatever links say."""
        file = self.store_file
        return self.settings.store.home.absolute() if file is None else file.resolve().parent

    @property
    def state_path(self) -> Path:
        """The folder in which each builder has one for what it must find again after a restart."""
        return self.home / "builders"

    @property
    def key_file(self) -> Path:
        """The file with the key that signs tokens of the API where `api.keys` has none."""
        return self.home / "api.key"

    @property
    def socket_file(self) -> Path:
        """The socket file of the daemon that has the store; only its user and root may connect."""
        file = self.store_file
        return self.home / (f"{file.resolve().name}.sock" if file else "buildbridge.sock")

    @property
    def node_file(self) -> Path:
        """The file that has the name of this machine's folder, and that the daemon holds."""
        return self.socket_file.with_suffix(".node")

    @property
    def builder_names(self) -> tuple[str, ...]:
        """The names in the order of the file; the first one is the default."""
        return tuple(self.settings.builders)

    @property
    def channel_kinds(self) -> dict[str, str]:
        """The kinds of all channels by name, that of in-app messages among them."""
        return {name: channel.kind for name, channel in self.settings.channels.items()} | {
            MESSAGE_CHANNEL: MESSAGE_KIND
        }

    @property
    def channel_events(self) -> dict[str, Events]:
        """The events of the channels and pools that name some: notices that name none send these."""
        channels = self.settings.channels.items()
        found = {name: events for name, one in channels if (events := one.enabled_event_type_names)}
        return found | events_of_pools(self.settings.pools, found)
