"""A line of a log as HTML: its colours become classes, and nothing else that a terminal would do is left.

The codes are those of ECMA-48, "Control Functions for Coded Character Sets", section 8.3.117 (SGR), and the
colours of xterm (`38;5;N`, `38;2;R;G;B`), of which each is shown as the nearest of the 16.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import islice
from typing import Final

from markupsafe import Markup, escape

from bridge.runtime.terminal import CODES

MAX_SHOWN: Final = 10_000
"""Characters of a line that are shown."""
MAX_CHANGES: Final = 300
"""Changes of the style of a line that are followed; behind them it has none."""
_MAX_NUMBERS: Final = 32
_SGR: Final = re.compile(r"\x1b\[([0-9;:]{0,200})m")
_HIDDEN: Final = re.compile(
    "[\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
"""Control characters but the tabulator, what turns or hides text, and halves of characters."""
_PALETTE: Final = (
    *((0, 0, 0), (205, 0, 0), (0, 205, 0), (205, 205, 0), (0, 0, 238), (205, 0, 205), (0, 205, 205)),
    *((229, 229, 229), (127, 127, 127), (255, 0, 0), (0, 255, 0), (255, 255, 0), (92, 92, 255)),
    *((255, 0, 255), (0, 255, 255), (255, 255, 255)),
)
_CUBE: Final = (0, 95, 135, 175, 215, 255)
_ON: Final = {1: "b", 2: "d", 3: "i", 4: "u", 7: "v"}
_OFF: Final = {21: "b", 22: "bd", 23: "i", 24: "u", 27: "v"}
_FRONT: Final = dict(zip((*range(30, 38), *range(90, 98), 39), (*range(16), None), strict=True))
_BACK: Final = {number + 10: color for number, color in _FRONT.items()}


@dataclass(frozen=True)
class _Style:
    """Letters of what is on, and the numbers of the colours, of which None is the usual one."""

    on: frozenset[str] = frozenset()
    front: int | None = None
    back: int | None = None

    @cached_property
    def classes(self) -> str:
        front, back = self.front, self.back
        names = sorted(self.on - {"v"})
        if "v" in self.on:
            names.append("fi" if back is None else f"f{back}")
            names.append("gi" if front is None else f"g{front}")
        else:
            names += [] if front is None else [f"f{front}"]
            names += [] if back is None else [f"g{back}"]
        return " ".join(names)


_PLAIN: Final = _Style()


def shown(line: str, *, changes: int = MAX_CHANGES, length: int = MAX_SHOWN) -> tuple[Markup, bool]:
    """The line as HTML, which is safe whatever it has, and whether some of it is left out.

    At most so many `changes` of its style are followed, and `length` characters shown. What a carriage return
    goes back over is not shown.
    """
    line = _last_drawn(line)
    if line.isprintable() and len(line) <= length:
        return escape(line), False
    parts: list[str] = []
    left = length
    is_cut = False
    for text, style in _parts(line, changes):
        part, classes = escape(text[:left]), style.classes
        parts.append(f'<span class="{classes}">{part}</span>' if classes and part else part)
        is_cut = len(text) > left
        if is_cut:
            break
        left -= len(text)
    return Markup("".join(parts)), is_cut  # noqa: S704  # each part is escaped


def _last_drawn(line: str) -> str:
    """What a terminal shows in the end of a line that is drawn several times."""
    if "\r" not in line:
        return line
    return next((part for part in reversed(line.split("\r")) if CODES.sub("", part).strip()), "")


def _parts(line: str, changes: int) -> Iterator[tuple[str, _Style]]:
    """The texts of a line that are to be seen, each with its style; the last one may have more changes."""
    style, at, left = _PLAIN, 0, changes
    for found in islice(_SGR.finditer(line), changes):
        if text := _visible(line[at : found.start()]):
            yield text, style
        style, at, left = _changed(style, found[1]), found.end(), left - 1
    if text := _visible(line[at:]):
        yield text, style if left else _PLAIN


def _visible(text: str) -> str:
    if text.isprintable():
        return text
    return _HIDDEN.sub("", CODES.sub("", text))


@lru_cache(maxsize=4096)
def _changed(style: _Style, codes: str) -> _Style:
    """The style after one SGR code."""
    given = iter(codes.split(";")[:_MAX_NUMBERS])
    for one in given:
        head, *detail = one.split(":")
        number = int(head[:4] or 0)
        if number in {38, 48}:
            color = _color(detail or _operands(given))
            style = replace(style, front=color) if number == 38 else replace(style, back=color)  # noqa: PLR2004
        elif number == 4 and detail[:1] == ["0"]:  # noqa: PLR2004  # its other shapes are lines, too
            style = replace(style, on=style.on - {"u"})
        else:
            style = _simple(style, number)
    return style


def _simple(style: _Style, number: int) -> _Style:
    """The style after a code of one number."""
    if number == 0:
        return _PLAIN
    if number in _FRONT:
        return replace(style, front=_FRONT[number])
    if number in _BACK:
        return replace(style, back=_BACK[number])
    return replace(style, on=(style.on | set(_ON.get(number, ""))) - set(_OFF.get(number, "")))


def _operands(given: Iterator[str]) -> list[str]:
    """The numbers that belong to a 38 or 48 before them."""
    kind = next(given, "")
    return [kind, *(next(given, "") for _ in range({"5": 1, "2": 3}.get(kind, 0)))]


def _color(operands: Sequence[str]) -> int | None:
    """The nearest of the 16 colours; None for what is none."""
    numbers = [int(text[:4]) if text.isdigit() else 0 for text in operands]
    if numbers[:1] == [5] and len(numbers) > 1:
        number = min(numbers[1], 255)
        return number if number < 16 else _nearest(_of_256(number))  # noqa: PLR2004
    if numbers[:1] == [2] and len(numbers) > 3:  # noqa: PLR2004
        red, green, blue = numbers[-3:]
        return _nearest((red, green, blue))
    return None


def _of_256(number: int) -> tuple[int, int, int]:
    if number >= 232:  # noqa: PLR2004
        grey = 8 + 10 * (number - 232)
        return grey, grey, grey
    red, rest = divmod(number - 16, 36)
    return _CUBE[red], _CUBE[rest // 6], _CUBE[rest % 6]


def _nearest(color: tuple[int, int, int]) -> int:
    def distance(number: int) -> int:
        return sum((one - other) ** 2 for one, other in zip(_PALETTE[number], color, strict=True))

    return min(range(len(_PALETTE)), key=distance)
