"""The plug board: every kind of forge, builder and channel, one line each.

Each is imported when a configuration names it, so that nobody pays for the others.
"""

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from typing import Final, Generic, TypeVar

from bridge.builders.base import Builder
from bridge.channels.base import Channel
from bridge.config.loader import Kinds
from bridge.forges.base import Forge

A = TypeVar("A", bound=Forge | Builder | Channel)
T = TypeVar("T")


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


class _Each(Mapping[str, T], Generic[A, T]):
    """What is made of each adapter, when it is asked for."""

    def __init__(self, adapters: Adapters[A], make: Callable[[type[A]], T]) -> None:
        self._adapters = adapters
        self._make = make

    def __getitem__(self, kind: str) -> T:
        return self._make(self._adapters[kind])

    def __iter__(self) -> Iterator[str]:
        return iter(self._adapters)

    def __len__(self) -> int:
        return len(self._adapters)


FORGES: Final = _Each[Forge, Forge](
    Adapters(
        {
            "GitHub": "bridge.forges.github:GitHub",
            "GitLab": "bridge.forges.gitlab:GitLab",
            "Gitee": "bridge.forges.gitee:Gitee",
            "Gitea": "bridge.forges.gitea:Gitea",
            "Forgejo": "bridge.forges.forgejo:Forgejo",
            "Gogs": "bridge.forges.gogs:Gogs",
            "TGit": "bridge.forges.tgit:TGit",
            "GitCode": "bridge.forges.gitcode:GitCode",
            "Codeup": "bridge.forges.codeup:Codeup",
            "CodeArts": "bridge.forges.codearts:CodeArts",
            "Coding": "bridge.forges.coding:Coding",
            "Harness": "bridge.forges.harness:Harness",
            "Pagure": "bridge.forges.pagure:Pagure",
            "Bitbucket": "bridge.forges.bitbucket:Bitbucket",
            "BitbucketServer": "bridge.forges.bitbucket_server:BitbucketServer",
            "AzureDevOps": "bridge.forges.azure_devops:AzureDevOps",
            "Simple": "bridge.forges.simple:Simple",
        }
    ),
    lambda forge: forge(),
)

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

KINDS: Final = Kinds(
    forges=FORGES,
    builders=_Each(BUILDERS, lambda builder: builder.Settings),
    channels=_Each(CHANNELS, lambda channel: channel.Settings),
)
