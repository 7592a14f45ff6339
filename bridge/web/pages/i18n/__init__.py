"""The texts of the pages in both languages: one file a subject, a key and its text in each.

A text holds its values as `{name}`. Where it counts something, it is a table of `one` and `other`, of which
the value `count` chooses; Chinese has only `other`.
"""

import tomllib
from collections.abc import Mapping
from importlib.resources import files
from typing import Any, Final, get_args

from markupsafe import Markup, escape

from bridge.model.language import Language

Entry = str | Mapping[str, str]

LANGUAGES: Final[tuple[Language, ...]] = get_args(Language)


class Texts:
    """The texts of one language, by `subject.key`."""

    def __init__(self, language: Language) -> None:
        self.language = language
        self._entries: dict[str, Entry] = {}
        folder = files(__package__) / language
        for file in sorted(folder.iterdir(), key=lambda one: one.name):
            subject = file.name.removesuffix(".toml")
            entries: dict[str, Any] = tomllib.loads(file.read_text(encoding="utf-8"))
            self._entries |= {f"{subject}.{key}": entry for key, entry in entries.items()}

    def __call__(self, key: str, /, **values: object) -> Markup:
        """The text with the values in it, each of them escaped. Raises KeyError for one that there is not."""
        entry = self._entries[key]
        if not isinstance(entry, str):
            entry = entry["one"] if values["count"] == 1 and "one" in entry else entry["other"]
        return escape(entry).format(**values)

    def __contains__(self, key: str) -> bool:
        return key in self._entries

    @property
    def entries(self) -> Mapping[str, Entry]:
        return self._entries


TEXTS: Final[Mapping[Language, Texts]] = {language: Texts(language) for language in LANGUAGES}
