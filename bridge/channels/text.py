"""Neutralises and shortens texts that strangers wrote."""

import re
import unicodedata
from typing import Final

import httpx

from bridge.runtime.redaction import masked
from bridge.runtime.terminal import without_codes

_MAX_URL_BYTES: Final = 500


def _twin(ascii_text: str) -> str:
    """The full-width twin of chat markup: readers see the same, clients see plain text."""
    return "".join(chr(ord(char) + 0xFEE0) for char in ascii_text)


_TWINS: Final = {ord(char): _twin(char) for char in "@<>[]*`~|\\"}
_ENTITY: Final = re.compile(r"&(?=#?\w{1,32};)")
_WWW: Final = re.compile(r"(?i)\b(www)\.")
# Between letters an underscore is no markup; elsewhere it begins or ends an emphasis.
_EMPHASIS: Final = re.compile(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
_BLOCK_MARK: Final = re.compile(r"^(\s*)([#=+-])")


def plain(text: str, limit: int) -> str:
    """One line of at most `limit` characters: no control, format, override or broken character in it."""
    line = " ".join(printable(text[: limit * 4]).split())
    return line if len(line) <= limit else line[: max(limit - 1, 0)].rstrip() + "…"


def clipped(text: str, limit: int) -> str:
    """Like `plain`, of at most `limit` bytes in UTF-8."""
    line = plain(text, limit)
    encoded = line.encode()
    return line if len(encoded) <= limit else encoded[: limit - 3].decode(errors="ignore").rstrip() + "…"


def printable(text: str) -> str:
    """The same without control, format, override and broken characters; a space stands for the first."""
    return "".join(map(_shown, text))


def _shown(char: str) -> str:
    match unicodedata.category(char):
        case "Cc" | "Zl" | "Zp":
            return " "
        case "Cf" | "Cs":
            return ""
        case _:
            return "?" if char == "\N{REPLACEMENT CHARACTER}" else char


def neutral(text: str) -> str:
    """The same words without effect in chat markup: no mention, link, colour, image or emphasis."""
    text = _ENTITY.sub(_twin("&"), text.translate(_TWINS)).replace("://", _twin("://"))
    text = _EMPHASIS.sub(_twin("_"), text)
    return _WWW.sub(rf"\1{_twin('.')}", text)


def neutral_line(text: str) -> str:
    """Like `neutral`, for text at the beginning of a line."""
    return unmarked(neutral(text))


def unmarked(line: str) -> str:
    """The same line, which begins no heading and no list."""
    return _BLOCK_MARK.sub(lambda found: found[1] + _twin(found[2]), line)


def web_link(url: str | None) -> str | None:
    """The URL if it is safe in markup: http or https, at most 500 bytes, no character that ends a link."""
    if not url or len(url) > _MAX_URL_BYTES or not url.isprintable():
        return None
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        return None
    if parsed.scheme not in {"http", "https"} or not parsed.host or parsed.userinfo:
        return None
    safe = re.sub(r"[()<>\[\]\"'*`|\\ ~@]", lambda found: f"%{ord(found[0]):02X}", str(parsed))
    return safe if len(safe.encode()) <= _MAX_URL_BYTES else None


def without_control(log: str) -> str:
    """A part of a log without colours and secrets, its lines ended by a newline alone."""
    return masked(without_codes(log).replace("\r\n", "\n"))
