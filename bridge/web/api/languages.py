# ruff: noqa: RUF001  # Chinese sentences carry Chinese punctuation
"""The language in which a failure says why: English, or Chinese for who prefers it (`Accept-Language`).

A sentence is written in English where a call fails. Its Chinese form is found by the words of that: so what
is said, and to whom, stands in one place each, and a sentence without a Chinese form stays English.
"""

import re
from collections.abc import Callable, Sequence
from functools import cache, reduce
from typing import Final, Literal

from bridge.web.api.core.errors import CallError, Invalid

Language = Literal["en", "zh-CN"]

MAX_SENTENCE: Final = 300
"""A longer one stays English: most of it is what a client has sent.

The time to find a form grows with the square of its length.
"""
MAX_TEXT: Final = 1000
"""So does a longer text of several."""
_MAX_ENTRIES: Final = 20
_LANGUAGES: Final[dict[str, Language]] = {"en": "en", "zh": "zh-CN", "*": "en"}
_ENTRY: Final = re.compile(
    r"\s*([A-Za-z*]+)(?:-[A-Za-z0-9-]+)?\s*(?:;\s*q\s*=\s*([01](?:\.[0-9]{0,3})?)\s*)?"
)
_HAN: Final = re.compile("[\u4e00-\u9fff]")
_REFS: Final = {"branch": "分支", "tag": "标签"}
_PLACE: Final = re.compile(r"([\w.\[\]-]+): (.+)", re.DOTALL)
"""A fault of a request: the name that it is about, and a sentence."""


def language_of(accepted: str) -> Language:
    """The language that a client prefers, of those that there are; English without one."""
    best, found = 0.0, _LANGUAGES["*"]
    for entry in accepted.split(",", _MAX_ENTRIES)[:_MAX_ENTRIES]:
        match = _ENTRY.fullmatch(entry)
        language = _LANGUAGES.get(match[1].lower()) if match else None
        if match and language and (weight := float(match[2] or 1)) > best:
            best, found = weight, language
    return found


def said(error: CallError, language: Language) -> tuple[str, Language]:
    """Why a call failed, and the language in which that is said."""
    if language == "zh-CN" and len(str(error)) <= MAX_TEXT:
        sentences, form_of = [str(error)], chinese
        if isinstance(error, Invalid):
            sentences, form_of = list(error.problems), chinese_problem
        found = [(one, form_of(one) if len(one) <= MAX_SENTENCE else None) for one in sentences]
        if any(form for _, form in found):
            return "；".join(form or sentence for sentence, form in found), language
    return str(error), "en"


def chinese(sentence: str) -> str | None:
    """The Chinese form of an English sentence; None where there is none."""
    return _form(sentence, problem=False)


def chinese_problem(sentence: str) -> str | None:
    """The same for what is wrong with a request, with or without the name of a value before it."""
    place = _PLACE.fullmatch(sentence)
    if place and (problem := chinese_problem(place[2])):
        return f"{place[1]}：{problem}"
    return _form(sentence, problem=True)


class _Part(str):
    """A part of a sentence, as a Chinese one wants it: `list` is one of words, `ref` a kind of ref."""

    __slots__ = ()

    def __format__(self, spec: str) -> str:
        if spec == "list":
            return re.sub(", ", "、", re.sub(" (?:or|and) ", " 或 ", self))
        return _REFS.get(self, self) if spec == "ref" else str(self)


def _form(sentence: str, *, problem: bool) -> str | None:
    for pattern, write in _forms(problem=problem):
        if found := pattern.fullmatch(sentence):
            parts = [_form(part, problem=problem) or part for part in found.groups()]
            text = write(*map(_Part, parts))
            # No space stands between two words in Chinese.
            ours = set(parts).difference(found.groups())
            return reduce(lambda done, part: done.replace(f" {part}", part), filter(_HAN.match, ours), text)
    return None


@cache
def _forms(*, problem: bool) -> Sequence[tuple[re.Pattern[str], Callable[..., str]]]:
    """The patterns of English sentences, the one that says most first, and what writes the Chinese ones."""
    # Only where a client wants it: the daemon keeps what it has imported.
    from bridge.web.api.chinese import PROBLEMS, SENTENCES  # noqa: PLC0415

    known = {**SENTENCES, **PROBLEMS} if problem else SENTENCES
    ordered = sorted(known, key=lambda one: len(one.replace("{}", "")), reverse=True)
    return [(_pattern(one), known[one].format) for one in ordered]


def _pattern(sentence: str) -> re.Pattern[str]:
    return re.compile("(.+?)".join(re.escape(part) for part in sentence.split("{}")), re.DOTALL)
