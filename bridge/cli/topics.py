"""The topics of `buildbridge help`: every guide, of `guides/` and of the folders of adapters."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, Final, Literal

import bridge
from bridge.model.language import Language
from bridge.registry import BUILDERS, CHANNELS, FORGE_ADAPTERS, Adapters

Group = Literal["guides", "hosts", "builders", "channels"]
ADAPTERS: Final[dict[Group, Adapters[Any]]] = {
    "hosts": FORGE_ADAPTERS,
    "builders": BUILDERS,
    "channels": CHANNELS,
}
_FIRST: Final = "install"
_TITLE: Final = re.compile(r"^# (.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Topic:
    """One guide; a name may stand for several, such as a vendor's Git host and its build service."""

    name: str
    group: Group
    folder: Traversable
    file: str
    """Its path below the folder, with `{}` for the language."""

    def text(self, language: Language) -> str:
        """The guide in Markdown; in English where there is no other."""
        path = self._path(language)
        return (path if path.is_file() else self._path("en")).read_text("utf-8")

    @property
    def is_there(self) -> bool:
        """Whether the guide has been written."""
        return self._path("en").is_file()

    def _path(self, language: Language) -> Traversable:
        return self.folder.joinpath(*self.file.format(language).split("/"))

    def title(self, language: Language) -> str:
        """Its first heading."""
        found = _TITLE.search(self.text(language))
        return found[1] if found else self.name


def topics() -> Iterator[Topic]:
    """Every topic, in the order of a list: general guides, Git hosts, builders, channels."""
    root = files(bridge) / "guides"
    names = [entry.name.removesuffix(".md") for entry in (root / "en").iterdir()]
    for name in sorted(names, key=lambda name: (name != _FIRST, name)):
        yield Topic(name, "guides", root, f"{{}}/{name}.md")
    for group, adapters in ADAPTERS.items():
        for kind in adapters:
            topic = adapter_topic(group, kind)
            if topic.is_there:
                yield topic


def adapter_topic(group: Group, kind: str) -> Topic:
    """The guide of a kind, which may be missing."""
    folder = ADAPTERS[group].folder(kind)
    return Topic(folder.name.replace("_", "-"), group, folder, "guide.{}.md")


def same_name(one: str, other: str) -> bool:
    """Whether two names are the same to a person, such as DING_TALK and dingtalk."""
    return _bare(one) == _bare(other)


def _bare(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
