"""The language in which a failure says why: English, or Chinese for who prefers it (`Accept-Language`).

A sentence is written in English where a call fails. Its Chinese form is found by the words of that: so what
is said, and to whom, stands in one place each, and a sentence without a Chinese form stays English.
"""

import re
from collections.abc import Callable
from functools import cache
from typing import Final

from bridge.model.language import Language, translator
from bridge.web.api.core.errors import CallError, Invalid

_MAX_ENTRIES: Final = 20
_LANGUAGES: Final[dict[str, Language]] = {"en": "en", "zh": "zh-CN"}
_ENTRY: Final = re.compile(
    r"\s*([A-Za-z*]+)(?:-[A-Za-z0-9-]+)?\s*(?:;\s*q\s*=\s*([01](?:\.[0-9]{0,3})?)\s*)?"
)


def language_of(accepted: str) -> Language:
    """The language that a client prefers, of those that there are; English without one."""
    return preferred(accepted, "en")


def preferred(accepted: str, usual: Language) -> Language:
    """The same, or the `usual` one where the client prefers none."""
    best, found = 0.0, usual
    for entry in accepted.split(",", _MAX_ENTRIES)[:_MAX_ENTRIES]:
        match = _ENTRY.fullmatch(entry)
        language = _LANGUAGES.get(match[1].lower(), usual if match[1] == "*" else None) if match else None
        if match and language and (weight := float(match[2] or 1)) > best:
            best, found = weight, language
    return found


def said(error: CallError, language: Language) -> tuple[str, Language]:
    """Why a call failed, and the language in which that is said."""
    form_of = chinese_problem if isinstance(error, Invalid) else chinese
    found = form_of(str(error)) if language == "zh-CN" else None
    return (found, language) if found else (str(error), "en")


def chinese(sentence: str) -> str | None:
    """The Chinese form of an English sentence; None where there is none."""
    return _form(sentence, of_request=False)


def chinese_problem(sentence: str) -> str | None:
    """The same for what is wrong with a request, with or without the name of a value before it."""
    return _form(sentence, of_request=True)


def _form(sentence: str, *, of_request: bool) -> str | None:
    found = _translate(of_request=of_request)(sentence)
    return found if found != sentence else None


@cache
def _translate(*, of_request: bool) -> Callable[[str], str]:
    # Only where a client wants it: the daemon keeps what it has imported.
    from bridge.web.api.chinese import PROBLEMS, SENTENCES  # noqa: PLC0415

    return translator("zh-CN", {**SENTENCES, **PROBLEMS} if of_request else SENTENCES)
