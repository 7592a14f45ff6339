"""Recognises web pages, above all sign-in pages, where a program's answer was expected."""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

_LOOKED_AT: Final = 64 << 10
_MAX_HOST: Final = 253
_REDIRECTS: Final = range(300, 400)
_HTML: Final = re.compile(
    rb"\s*(?:<!--.{0,2000}?-->\s*)?<(?:!doctype\s+html|html|head)\b", re.IGNORECASE | re.DOTALL
)
_WORDS: Final = re.compile(
    r"log[-_]?[io]n|sign[-_]?[io]n|\b(?:sso|oauth2?|openid|oidc|saml2?|cas|auth|authn|authorize|idp|adfs)\b",
    re.IGNORECASE,
)
_PASSWORD: Final = re.compile(rb"<input\b[^>]{0,500}\btype\s*=\s*[\"']?password", re.IGNORECASE)
_TITLE: Final = re.compile(rb"<title[^>]{0,100}>([^<]{0,300})", re.IGNORECASE)
_TITLES: Final = re.compile(r"(?:log|sign)[- ]?[io]n\b|登录|登陆|登入|认证", re.IGNORECASE)
_LEADS: Final = re.compile(
    rb"(?:url\s*=|location(?:\.href)?\s*=|location\.(?:replace|assign)\()\s*[\"']?([^\"'>\s)]{1,500})",
    re.IGNORECASE,
)


def is_web_page(body: bytes) -> bool:
    return _HTML.match(body) is not None


def sign_in_page(status: int, headers: Mapping[str, str], body: bytes) -> str | None:
    """In words, the sign-in page that an answer is or leads to, by its host where known; None for others."""
    if status in _REDIRECTS:
        return _led_to(headers.get("Location") or "")
    head = body[:_LOOKED_AT]
    if not is_web_page(head):
        return None
    title = _TITLE.search(head)
    if _PASSWORD.search(head) or (title and _TITLES.search(title[1].decode(errors="replace"))):
        return "a sign-in page"
    found = (_led_to(lead.decode(errors="replace")) for lead in _LEADS.findall(head))
    return next((page for page in found if page), None)


def _led_to(location: str) -> str | None:
    try:
        parts = urlsplit(location)
        host = parts.hostname or ""
    except ValueError:
        return None
    if not _WORDS.search(f"{host}{parts.path}"):
        return None
    return f"a sign-in page at {host[:_MAX_HOST]}" if host else "a sign-in page"
