"""The templates of the pages, and how values appear in them."""

import os
import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache, partial
from secrets import token_urlsafe
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from bridge import __version__
from bridge.channels.text import web_link
from bridge.model.access import LOCAL_NAME, STATIC_NAME
from bridge.model.language import Language
from bridge.web.pages.assets import assets
from bridge.web.pages.browsers import browser
from bridge.web.pages.i18n import TEXTS, Texts

MAX_SHOWN: Final = 500
"""Characters of a stranger's text in a line of a page."""
_SHORT_SHA: Final = 10
_MAX_VALUE: Final = 200
_TURNING: Final = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A)], "\ufffd")
_MOMENT: Final = re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?Z")
"""A time as sentences have it."""
_CODE: Final = re.compile("`([^`]{1,200})`")
"""A name as sentences write it."""
_PERSONS: Final = {STATIC_NAME: "file", LOCAL_NAME: "daemon"}
"""Who has no name, but for that by which the audit trail knows them."""
_UNITS: Final = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))


@cache
def environment() -> Environment:
    """That of all pages; what differs between readers comes with the context."""
    made = Environment(
        loader=PackageLoader("bridge.web.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.globals |= {
        "static": assets().path,
        "once": lambda: token_urlsafe(16),
        "at_least": at_least,
        "version": __version__,
    }
    made.filters |= {"short": short, "foreign": foreign, "web": web_link, "straight": straight}
    made.filters["browser"] = browser
    return made


def words_of(language: Language, say: Callable[[str], str], now: float) -> dict[str, Any]:
    """What templates say in a language, at the time `now` in Unix seconds."""
    texts = TEXTS[language]
    return {
        "t": texts,
        "language": language,
        "now": now,
        "say": lambda sentence: _said(say(sentence), now),
        "person": lambda name, limit=64: (
            texts(f"common.of_{_PERSONS[name]}") if name in _PERSONS else foreign(name, limit)
        ),
        "time": lambda seconds: _time(seconds, now),
        "timed": lambda text: _said(text[:_MAX_VALUE], now),
        "elapsed": lambda since: _elapsed(texts, now - since, since),
        "span": lambda seconds: span(texts, seconds),
        "zone": zone(),
        "units": "|".join(texts(f"common.unit_{unit}", n="{n}") for unit, _ in _UNITS),
    }


def at_least(count: int, limit: int) -> str:
    """A number of rows that are counted up to a limit."""
    return f"{count}+" if count >= limit else str(count)


def short(sha: str | None) -> str:
    """The beginning of a commit id, which is enough to find it."""
    return (sha or "")[:_SHORT_SHA]


def straight(text: str) -> str:
    """A text whose marks of direction are seen and turn nothing.

    In a `bdi` they would: one that opens an isolate inside takes the end of the `bdi` for its own.
    """
    return text.translate(_TURNING)


def foreign(text: str | None, limit: int = MAX_SHOWN, kind: str = "foreign") -> Markup:
    """A text that strangers may have written: it cannot turn the direction of what follows it."""
    whole = straight(text or "")
    shown = whole if len(whole) <= limit else f"{whole[:limit]}…"
    return Markup('<bdi class="{}">{}</bdi>').format(kind, shown)  # the value is escaped


def _said(sentence: str, now: float) -> Markup:
    """A sentence of the bridge, in which times are as in all of a page, and names are code."""
    shown = _CODE.sub(r"<code>\1</code>", str(foreign(sentence, kind="said")))
    return Markup(_MOMENT.sub(partial(_moment, now=now), shown))  # noqa: S704  # escaped before


def _moment(found: re.Match[str], now: float) -> str:
    try:
        return _time(datetime.fromisoformat(found[0]).timestamp(), now)
    except ValueError:
        return found[0]


def zone() -> str:
    """The name of the time zone of this machine, in which pages write times."""
    return os.environ.get("TZ") or datetime.now(UTC).astimezone().tzname() or "UTC"


def _time(seconds: float | None, now: float) -> Markup:
    """A time in the zone of this machine; scripts make it one in that of the reader. Empty for None.

    One of another year than that of `now` has its year.
    """
    if seconds is None:
        return Markup()
    at = datetime.fromtimestamp(seconds, UTC)
    local = at.astimezone()
    day = "%m-%d" if local.year == datetime.fromtimestamp(now, UTC).astimezone().year else "%Y-%m-%d"
    return Markup('<time datetime="{}" title="{}">{}</time>').format(  # the values are escaped
        f"{at:%Y-%m-%dT%H:%M:%SZ}", f"{local:%Y-%m-%d %H:%M:%S %z}", f"{local:{day} %H:%M:%S}"
    )


def _elapsed(texts: Texts, seconds: float, since: float) -> Markup:
    """How long something lasts since a time, which scripts count on."""
    shown = span(texts, seconds)
    return Markup('<span class="elapsed" data-since="{}">{}</span>').format(  # the same
        int(since), shown
    )


def span(texts: Texts, seconds: float | None) -> Markup:
    """The two largest units of a duration; empty for None."""
    if seconds is None:
        return Markup()
    left = max(0, int(seconds))
    parts: list[tuple[str, int]] = []
    for unit, size in _UNITS:
        count, left = divmod(left, size)
        if count or parts or unit == "s":
            parts.append((unit, count))
    shown = [texts(f"common.unit_{unit}", n=count) for unit, count in parts[:2] if count or len(parts) == 1]
    return escape(" ").join(shown)
