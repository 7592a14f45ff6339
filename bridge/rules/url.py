"""Normalises clone addresses, so that they can be compared."""

import re
from typing import Final
from urllib.parse import urlsplit

MAX_URL: Final = 2048
_SCP: Final = re.compile(r"(?:[^@/:\s-][^@/:\s]*@)?([^@/:\s-][^@/:\s]*):(?!:)/*([^/\s]\S*)")
_PORTS: Final = {"http": 80, "https": 443, "ssh": 22, "git": 9418, "file": None}
"""The schemes of clone addresses, with their default ports."""


def normalised_url(url: str) -> str | None:
    """The address without case of scheme and host, user, default port, `.git` and trailing slash.

    None for a text that is not a clone address, or is over MAX_URL characters.
    """
    if len(url) > MAX_URL or re.search(r"[\s\x00-\x1f\x7f]", url):
        return None
    if "://" not in url:
        return _short(url)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    path = _stem(parts.path)
    if not path or parts.scheme not in _PORTS or not (parts.hostname or parts.scheme == "file"):
        return None
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    shown = f":{port}" if port is not None and port != _PORTS[parts.scheme] else ""
    return f"{parts.scheme}://{host}{shown}{path}"


def clone_url_problem(url: str) -> str | None:
    """What is wrong with a clone address that a person wrote; None for a good one."""
    if normalised_url(url) is None:
        return "must be a clone address, such as https://git.example.com/shop.git"
    if re.match(r"https?://[^/]*@", url):
        return "must not contain a user or a password: the builder has its own"
    return None


def _short(url: str) -> str | None:
    """`user@host:path` is `ssh://host/path`; an absolute path is a repository on this machine."""
    if found := _SCP.fullmatch(url):
        path = _stem(found[2])
        return f"ssh://{found[1].lower()}/{path}" if path else None
    path = _stem(url)
    return f"file://{path}" if path.startswith("/") else None


def _stem(path: str) -> str:
    return path.rstrip("/").removesuffix(".git").rstrip("/")
