"""The guides by topic, for `buildbridge help` and the pages: of `guides/` and of the folders of adapters."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final, Literal, Protocol

from bridge.model.language import Language

Group = Literal["guides", "hosts", "builders", "channels"]
_FIRST: Final = "install"
_TITLE: Final = re.compile(r"^# (.+)$", re.MULTILINE)
_SENTENCE: Final = re.compile(
    r"^# .+\n\n(?=[\w`])(?!\d+\. )((?:(?!\n\n)[\s\S])*?(?:\.(?=\s)|。))", re.MULTILINE
)
_COMMENT: Final = re.compile(r"^<!--.*?-->\n", re.MULTILINE)


class Folders(Protocol):
    """Kinds of adapters, each of which has a folder."""

    def __iter__(self) -> Iterator[str]: ...

    def folder(self, kind: str) -> Traversable: ...


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

    def shown(self, language: Language) -> str:
        """The same, without the comments that its tests read."""
        return _COMMENT.sub("", self.text(language))

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

    def first_sentence(self, language: Language) -> str:
        """What it is about, in Markdown; empty where no sentence follows the first heading."""
        found = _SENTENCE.search(self.shown(language))
        return found[1] if found else ""


def topics(adapters: Mapping[Group, Folders]) -> Iterator[Topic]:
    """Every topic, in the order of a list: general guides, Git hosts, builders, channels."""
    root = files("bridge") / "guides"
    names = [entry.name.removesuffix(".md") for entry in (root / "en").iterdir()]
    for name in sorted(names, key=lambda name: (name != _FIRST, name)):
        yield Topic(name, "guides", root, f"{{}}/{name}.md")
    for group, folders in adapters.items():
        for kind in folders:
            topic = adapter_topic(group, folders.folder(kind))
            if topic.is_there:
                yield topic


def adapter_topic(group: Group, folder: Traversable) -> Topic:
    """The guide in the folder of an adapter, which may be missing."""
    return Topic(folder.name.replace("_", "-"), group, folder, "guide.{}.md")


def same_name(one: str, other: str) -> bool:
    """Whether two names are the same to a person, such as DING_TALK and dingtalk."""
    return _bare(one) == _bare(other)


def _bare(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
