"""The languages that people read, and sentences in them."""

from collections.abc import Mapping
from typing import Literal, Protocol

Language = Literal["en", "zh-CN"]


class Tell(Protocol):
    """Says an English sentence in the reader's language, with the values in it."""

    def __call__(self, sentence: str, /, **values: object) -> str: ...


def speaker(language: Language, chinese: Mapping[str, str]) -> Tell:
    """Says the sentences that `chinese` translates in Chinese, and others, such as rare words, in English."""
    known = chinese if language == "zh-CN" else {}

    def tell(sentence: str, /, **values: object) -> str:
        return known.get(sentence, sentence).format(**values)

    return tell
