"""How Chinese is set: full-width marks, and a space between it and Latin."""

# ruff: noqa: RUF001  # Chinese sentences carry Chinese punctuation
import re
from typing import Final

HAN: Final = r"\u3400-\u9fff"
_CLOSE = re.compile(rf"[{HAN}][A-Za-z0-9`]|[A-Za-z0-9`%][{HAN}]")
"""A Chinese character and a Latin one without a space between them."""
_HALF = re.compile(rf"[{HAN}][,;:?!()]|[,;:?!(] ?[{HAN}]|[{HAN}]\.(?:\s|$)")
"""A half-width mark in a Chinese sentence."""
_SPACED = re.compile(r" [，。；：（）、“”]|[，。；：（）、“”] (?![|])")
"""A space beside a full-width mark, which has its own."""


def check_setting(line: str) -> None:
    for wrong in (_CLOSE, _HALF, _SPACED):
        assert wrong.findall(line) == [], line
