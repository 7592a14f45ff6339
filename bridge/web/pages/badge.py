"""A badge: an image of two words, for README files and other people's pages."""

import re
from dataclasses import dataclass
from html import escape
from typing import Final

from bridge.model.build import BuildState

MAX_LABEL: Final = 40
"""A longer text is shortened, in characters."""
_HEIGHT: Final = 20
_PADDING: Final = 6.0
_NARROW: Final = frozenset("!'(),-./:;I[]fijlrt|·")
_WIDE: Final = frozenset("%@GMOQWmw—…")
_FULL: Final = 0x1100
"""From this character on scripts have signs as wide as they are high."""
_UNSEEN: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff\ufffe\uffff]"
)
"""What XML does not allow, and marks that turn the direction of what follows."""


@dataclass(frozen=True, slots=True)
class Look:
    """The key of the word for a state, and a colour on which white can be read (contrast at least 4.5)."""

    word: str
    colour: str


_LOOKS: Final = {
    BuildState.SUCCEEDED: Look("passing", "#19713a"),
    BuildState.FAILED: Look("failing", "#b3261e"),
    BuildState.RUNNING: Look("running", "#1c5fa8"),
    BuildState.TRIGGERING: Look("waiting", "#7a5200"),
    BuildState.QUEUED: Look("waiting", "#7a5200"),
    BuildState.WAITING: Look("waiting", "#7a5200"),
}
_UNKNOWN: Final = Look("unknown", "#5c5c5c")


def look_of(state: BuildState | None) -> Look:
    """How a state is shown; None, and what says nothing of the code, is unknown."""
    return _UNKNOWN if state is None else _LOOKS.get(state, _UNKNOWN)


def badge(label: str, word: str, colour: str) -> str:
    """The image, as SVG; both words may be anybody's."""
    label, word = _fitted(label), _fitted(word)
    left, right = _width(label) + 2 * _PADDING, _width(word) + 2 * _PADDING
    name = escape(f"{label}: {word}")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right:g}" height="{_HEIGHT}" role="img" '
        f'aria-label="{name}"><title>{name}</title>'
        f'<rect width="{left + right:g}" height="{_HEIGHT}" rx="3" fill="{colour}"/>'
        f'<path d="M3 0H{left:g}V{_HEIGHT}H3a3 3 0 0 1-3-3V3a3 3 0 0 1 3-3z" fill="#444"/>'
        '<g fill="#fff" font-family="Verdana,DejaVu Sans,Noto Sans CJK SC,sans-serif" font-size="11">'
        f"{_text(label, _PADDING)}{_text(word, left + _PADDING)}</g></svg>\n"
    )


def _fitted(text: str) -> str:
    seen = _UNSEEN.sub("", text)
    return seen if len(seen) <= MAX_LABEL else f"{seen[: MAX_LABEL - 1]}…"


def _text(text: str, x: float) -> str:
    """Whatever font there is, the text takes the room that it was given."""
    return f'<text x="{x:g}" y="14" textLength="{_width(text):g}">{escape(text)}</text>'


def _width(text: str) -> float:
    """About how wide a text is, in pixels at the size of 11."""
    return round(sum(map(_advance, text)), 1)


def _advance(character: str) -> float:
    if ord(character) >= _FULL:
        return 11.0
    if character in _NARROW:
        return 4.3
    if character in _WIDE:
        return 9.6
    return 7.6 if character.isupper() else 6.8
