"""What logs of every server share: how long a piece is, where it may end, and names in its lines."""

from typing import Final

PIECE: Final = 256 << 10
"""The longest piece of log that a call returns, in bytes."""
_MAX_NAME: Final = 100


def boundary(data: bytes, end: int) -> int:
    """The last place up to `end` that is not inside of a character."""
    end = min(end, len(data))
    while 0 < end < len(data) and data[end] & 0xC0 == 0x80:  # noqa: PLR2004  # a continuation byte of UTF-8
        end -= 1
    return end


def one_line(name: str) -> str:
    """A name that a server gave, short and without what would break a line."""
    return "".join(letter for letter in name[:_MAX_NAME] if letter.isprintable())
