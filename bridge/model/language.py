"""The languages that people read, and sentences in them."""

import re
from collections.abc import Callable, Mapping
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


def translator(language: Language, chinese: Mapping[str, str]) -> Callable[[str], str]:
    """Puts finished English sentences into the language, by their words: `{}` stands for any.

    What stands there is put into the language, too. A sentence that `chinese` does not know stays English.
    """
    if language != "zh-CN":
        return str
    longest = sorted(chinese, key=lambda one: len(one.replace("{}", "")), reverse=True)
    forms = [("(.+?)".join(map(re.escape, one.split("{}"))), chinese[one]) for one in longest]

    def translate(sentence: str) -> str:
        for pattern, form in forms:
            if found := re.fullmatch(pattern, sentence, re.DOTALL):
                return form.format(*map(translate, found.groups()))
        return sentence

    return translate
