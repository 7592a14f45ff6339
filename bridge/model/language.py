"""The languages that people read, and sentences in them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol

Language = Literal["en", "zh-CN"]
_JOINTS: Final = 6
"""So many marks between the parts of a sentence are tried."""
_PIECES: Final = 100
"""So many pieces of a sentence are looked at: strangers' text may fall into any number of them."""


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
        return self._said(sentence, _Seen({}, {}))

    def _said(self, sentence: str, seen: "_Seen") -> str:
        return self._known(sentence, seen) or sentence

    def _known(self, sentence: str, seen: "_Seen") -> str | None:
        if sentence not in seen.known:
            if len(seen.known) == _PIECES:
                return None
            seen.known[sentence] = None
            seen.known[sentence] = self._in_parts(sentence, seen) or self._whole(sentence, seen)
        return seen.known[sentence]

    def _in_parts(self, sentence: str, seen: "_Seen") -> str | None:
        for mark, chinese in self._joints.items():
            place = sentence.find(mark)
            for _ in range(_JOINTS):
                if place < 0:
                    break
                head, tail = self._whole(sentence[:place], seen), sentence[place + len(mark) :]
                if head is not None and (rest := self._known(tail, seen)) is not None:
                    return f"{head}{chinese}{rest}"
                place = sentence.find(mark, place + 1)
        return None

    def _whole(self, sentence: str, seen: "_Seen") -> str | None:
        if sentence not in seen.whole:
            seen.whole[sentence] = None
            for parts, form in self._forms:
                if (values := _values(parts, sentence)) is not None:
                    seen.whole[sentence] = form.format(*(self._said(value, seen) for value in values))
                    break
        return seen.whole[sentence]


@dataclass(frozen=True, slots=True)
class _Seen:
    """What one call has found out: pieces of a sentence come up in many ways to divide it.

    `known` may be divided at joints, `whole` not.
    """

    known: dict[str, str | None]
    whole: dict[str, str | None]


def _values(parts: Sequence[str], sentence: str) -> list[str] | None:
    """What stands between the parts, each the shortest there can be, of one character at least.

    The first place of a part leaves most room for what follows, so that no other is ever tried: strangers'
    text takes time in proportion to its length.
    """
    first, *inner = parts
    if not inner:
        return [] if sentence == first else None
    last = inner.pop()
    if not (sentence.startswith(first) and sentence.endswith(last)):
        return None
    values, start, end = [], len(first), len(sentence) - len(last)
    for part in inner:
        if (place := sentence.find(part, start + 1, end)) < 0:
            return None
        values.append(sentence[start:place])
        start = place + len(part)
    return [*values, sentence[start:end]] if start < end else None
