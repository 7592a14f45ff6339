"""The plug board: every kind of forge, builder and channel, one line each.

Builders and channels are imported when a configuration names them, so that nobody pays for the others.
"""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Final, Generic, TypeVar

from pydantic import BaseModel

from bridge.builders.base import Builder
from bridge.channels.base import Channel
from bridge.config.loader import Kinds
from bridge.forges.base import Forge
from bridge.forges.gitea import Gitea
from bridge.forges.gitee import Gitee
from bridge.forges.github import GitHub
from bridge.forges.gitlab import GitLab
from bridge.forges.simple import Simple

A = TypeVar("A", Builder, Channel)


class Adapters(Mapping[str, type[A]], Generic[A]):
    """Kinds by name, imported on first use; places are written `module:Class`."""

    def __init__(self, places: Mapping[str, str]) -> None:
        self._places = places

    def __getitem__(self, kind: str) -> type[A]:
        module, name = self._places[kind].split(":")
        found: type[A] = getattr(import_module(module), name)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


class _SettingsOf(Mapping[str, type[BaseModel]]):
    """The settings model of each kind."""

    def __init__(self, adapters: Mapping[str, type[Builder | Channel]]) -> None:
        self._adapters = adapters

    def __getitem__(self, kind: str) -> type[BaseModel]:
        return self._adapters[kind].Settings

    def __iter__(self) -> Iterator[str]:
        return iter(self._adapters)

    def __len__(self) -> int:
        return len(self._adapters)


# Gitea sends GitHub's headers, too: the order is the order in which a delivery is recognised.
FORGES: Final[Mapping[str, Forge]] = {
    forge.kind: forge for forge in (Gitea(), Gitee(), GitLab(), GitHub(), Simple())
}

BUILDERS: Final = Adapters[Builder](
    {
        "jenkins": "bridge.builders.jenkins:JenkinsBuilder",
        "local": "bridge.builders.local:LocalBuilder",
    }
)

CHANNELS: Final = Adapters[Channel](
    {
        "DING_TALK": "bridge.channels.dingtalk:DingTalk",
        "WECOM": "bridge.channels.wecom:WeCom",
        "MAIL": "bridge.channels.mail:Mail",
        "MESSAGE": "bridge.channels.message:Message",
    }
)

KINDS: Final = Kinds(forges=FORGES, builders=_SettingsOf(BUILDERS), channels=_SettingsOf(CHANNELS))
