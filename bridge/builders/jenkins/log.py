"""Offsets into the log of a Jenkins build.

Source: "Remote Access API", https://www.jenkins.io/doc/book/using/remote-access-api/

The offsets of `logText/progressiveText` count bytes of the raw log, in which Jenkins hides annotations. So
the length of the text does not say where to go on; only X-Text-Size does, and that is the log's end. When
more arrives than one call may return, the next call asks again from the same raw offset and skips the blocks
already returned: our offset is `blocks << 36 | raw offset` (64 GiB of log, 65536 blocks, 52 bits in all).
"""

from collections.abc import Mapping
from typing import Final

from bridge.builders.base import LogChunk
from bridge.errors import Transient

# A UTF-8 character has at most four bytes, so a cut leaves at most three over.
MARGIN: Final = 4
BLOCK: Final = (256 << 10) - MARGIN
_RAW_BITS: Final = 36
_MAX_BLOCKS: Final = (1 << 16) - 1
_MAX_DIGITS: Final = 10


def split(offset: int) -> tuple[int, int]:
    """The raw offset to ask for, and the number of blocks to skip."""
    return offset & ((1 << _RAW_BITS) - 1), min(offset >> _RAW_BITS, _MAX_BLOCKS)


def join(raw: int, blocks: int) -> int:
    return min(blocks, _MAX_BLOCKS) << _RAW_BITS | raw


def window(blocks: int) -> tuple[int, int]:
    """How many bytes to skip and to keep for the block after `blocks`, with the margin before it."""
    lead = MARGIN if blocks else 0
    return blocks * BLOCK - lead, BLOCK + lead


def held(data: bytes) -> int:
    """How many bytes at the end belong to what comes next: half a character, or half a line end."""
    if data.endswith(b"\r"):
        return 1
    for back in range(1, min(MARGIN, len(data) + 1)):
        byte = data[-back]
        if byte & 0xC0 != 0x80:  # noqa: PLR2004  # not a continuation byte of UTF-8
            return back if byte >= 0xC0 and back < _length(byte) else 0  # noqa: PLR2004  # a lead byte
    return 0


def _length(lead: int) -> int:
    return 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4  # noqa: PLR2004  # lead bytes of UTF-8


def size(headers: Mapping[str, str]) -> int:
    """Where the log ends, in raw bytes. Raises Transient where Jenkins did not answer."""
    value = headers.get("X-Text-Size", "")
    if not (value.isascii() and value.isdigit() and len(value) <= _MAX_DIGITS):
        raise Transient("the log has no X-Text-Size header: a proxy may have answered, check `url`")
    return int(value)


def chunk(headers: Mapping[str, str], data: bytes, raw: int, blocks: int, *, truncated: bool) -> LogChunk:
    """What an answer holds; `data` is its `window` and was cut there if `truncated`.

    Half a character at the end is left for the next call: annotations are never inside of one, so it is as
    long in the raw log.
    """
    end = size(headers)
    restarted = end < raw
    if restarted:
        raw, blocks = 0, 0
    lead = MARGIN if blocks else 0
    start = max(0, lead - held(data[:lead]))
    rest = held(data) if truncated or headers.get("X-More-Data") == "true" else 0
    text = data[start : len(data) - rest].decode(errors="replace").replace("\r\n", "\n")
    position = join(raw, blocks + 1) if truncated else end - rest
    return LogChunk(text=text, next=position, more=truncated, restarted=restarted)
