"""The languages that people read, and sentences in them."""

import re
from collections.abc import Callable, Mapping
from typing import Final, Literal, Protocol

Language = Literal["en", "zh-CN"]
_JOINTS: Final = 6
"""So many marks between the parts of a sentence are tried."""


class Tell(Protocol):
    """Says an English sentence in the reader's language, with the values in it."""

    def __call__(self, sentence: str, /, **values: object) -> str: ...


def speaker(language: Language, chinese: Mapping[str, str]) -> Tell:
    """Says the sentences that `chinese` translates in Chinese, and others, such as rare words, in English."""
    known = chinese if language == "zh-CN" else {}

    def tell(sentence: str, /, **values: object) -> str:
        return known.get(sentence, sentence).format(**values)

    return tell


def translator(
    language: Language, chinese: Mapping[str, str], joints: Mapping[str, str] | None = None
) -> Callable[[str], str]:
    """Puts finished English sentences into the language, by their words: `{}` stands for any.

    What stands there is put into the language, too. A sentence that `chinese` does not know stays English.
    `joints` are the marks at which a sentence may fall into parts that are each known.
    """
    if language != "zh-CN":
        return str
    return _Translator(chinese, joints or {})


class _Translator:
    def __init__(self, chinese: Mapping[str, str], joints: Mapping[str, str]) -> None:
        longest = sorted(chinese, key=lambda one: len(one.replace("{}", "")), reverse=True)
        self._forms = [(one.split("{}"), chinese[one]) for one in longest]
        self._joints = joints

    def __call__(self, sentence: str) -> str:
        return self._known(sentence, {}) or sentence

    def _known(self, sentence: str, ends: dict[str, str | None]) -> str | None:
        """`ends` are ends of the sentence that were looked at: each is the end of many ways to divide it."""
        if sentence not in ends:
            ends[sentence] = self._in_parts(sentence, ends) or self._whole(sentence)
        return ends[sentence]

    def _in_parts(self, sentence: str, ends: dict[str, str | None]) -> str | None:
        for mark, chinese in self._joints.items():
            place = sentence.find(mark)
            for _ in range(_JOINTS):
                if place < 0:
                    break
                head, tail = self._whole(sentence[:place]), sentence[place + len(mark) :]
                if head is not None and (rest := self._known(tail, ends)) is not None:
                    return f"{head}{chinese}{rest}"
                place = sentence.find(mark, place + 1)
        return None

    def _whole(self, sentence: str) -> str | None:
        for parts, form in self._forms:
            # Most are ruled out so: there are more than `re` keeps compiled.
            if not (sentence.startswith(parts[0]) and all(part in sentence for part in parts)):
                continue
            if found := re.fullmatch("(.+?)".join(map(re.escape, parts)), sentence, re.DOTALL):
                return form.format(*map(self, found.groups()))
        return None
