"""Bodies of deliveries, compressed with Zstandard: its library is loaded with the first of them.

Source: RFC 8878
"""

from functools import cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from zstandard import ZstdCompressor

FRAME_HEADER: Final = 18
"""So many bytes of a compressed body at most say how long it is."""
_LEVEL: Final = -1


def compress(body: bytes) -> bytes:
    return _compressor().compress(body)


def compress_on_loop(body: bytes) -> bytes:
    """The same at less cost, for the event loop's thread only: two at once would mix their bodies."""
    return _kept().compress(body)


@cache
def _kept() -> "ZstdCompressor":
    return _compressor()


def _compressor() -> "ZstdCompressor":
    import zstandard  # noqa: PLC0415

    return zstandard.ZstdCompressor(_LEVEL)


def decompress(body: bytes) -> bytes:
    """Raises ValueError for what is no whole frame, and MemoryError where it claims to be too large."""
    import zstandard  # noqa: PLC0415

    try:
        return zstandard.decompress(body)
    except zstandard.ZstdError as error:
        raise ValueError(str(error)) from error


def size(frame: bytes) -> int:
    """How long the body is that begins so. Raises ValueError for what is no frame."""
    import zstandard  # noqa: PLC0415

    try:
        return zstandard.frame_content_size(frame)
    except zstandard.ZstdError as error:
        raise ValueError(str(error)) from error
