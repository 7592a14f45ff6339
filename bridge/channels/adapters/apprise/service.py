"""The services of the library Apprise, which is imported with this module: a quarter of a second, 25 MiB.

Source: "Apprise", https://github.com/caronc/apprise (the URLs of its services, and its settings in
`AppriseAsset`).
"""

import logging
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any, Final

import apprise
import requests
from apprise.plugins import N_MGR

from bridge.channels.adapters.apprise.requests_guard import Attempt, attempt, stand_in
from bridge.channels.base import ChannelContext, Dead, Ok, Outcome, Unknown
from bridge.channels.content import DETAILS, Content, Line
from bridge.channels.rendering import compose, fitted
from bridge.channels.robot import markdown as linked
from bridge.channels.text import clipped, neutral, neutral_line
from bridge.model.notice import EventName, Notice
from bridge.runtime import log

UNCONFIRMED: Final = "delivery not confirmed: the service took the request, and Apprise knows no more"
_MOST: Final = 16_000
_SMALLEST: Final = 40
_BETWEEN: Final = 2
"""What services put between title and body."""
_OTHER_WAYS: Final = frozenset({"asyncio", "ctypes", "smtplib", "socket", "ssl", "subprocess", "tempfile"})
"""Modules by which a service reaches more than a web server."""
_BASE: Final = "apprise.plugins.base"
_PLUGIN: Final = 3
"""The parts of a name that are a service's module, or its package of several."""
_TYPES: Final = {
    EventName.SUCCESS: apprise.NotifyType.SUCCESS,
    EventName.FIXED: apprise.NotifyType.SUCCESS,
    EventName.RESTORED: apprise.NotifyType.SUCCESS,
    EventName.FAIL: apprise.NotifyType.FAILURE,
    EventName.DEGRADED: apprise.NotifyType.WARNING,
}
_ASSET: Final = apprise.AppriseAsset(
    app_id="Buildbridge",
    storage_mode="memory",
    image_path_mask=False,
    http_redirects=False,
    interpret_emojis=False,
    allow_templates=False,
    pgp_autogen=False,
    pem_autogen=False,
)

logging.getLogger("apprise").disabled = True  # its lines name hosts and parts of URLs
log.silence_urllib3()


def _no_attachment(*_given: object, **_named: object) -> None:
    """An address of an attachment names none: by a template or key file a service would read our files."""


apprise.AppriseAttachment.instantiate = staticmethod(_no_attachment)


class Unusable(Exception):
    """The URL names nothing that a channel can send by; the text says why, without the URL."""


class Service:
    """One URL. Raises Unusable."""

    def __init__(self, url: str) -> None:
        scheme = url.partition("://")[0].lower()
        if scheme not in N_MGR:
            raise Unusable(f"Apprise {apprise.__version__} knows no service {scheme}: look into its list")
        _guard(scheme, N_MGR[scheme])
        service = apprise.Apprise.instantiate(url, asset=_ASSET)
        if service is None:
            raise Unusable("Apprise does not accept the url: compare it with the page of the service")
        self._service = service
        self.markdown = service.resolve_format(apprise.NotifyFormat.MARKDOWN) is apprise.NotifyFormat.MARKDOWN
        self.title = max(service.title_maxlen, 0)
        """The longest title; 0 where the service has none."""
        self.most = max(min(service.body_maxlen, _MOST), _SMALLEST)
        """The longest title and body together, in characters."""

    def written(self, notice: Notice, context: ChannelContext) -> tuple[str, str]:
        """Title and body, in bytes together no more than the characters that the service takes."""
        title = ""
        if self.title:
            content = compose(notice, context, DETAILS[0])
            title = clipped(content.heading(neutral), min(self.title, self.most // 2))

        def body(content: Content) -> bytes:
            lines = [*_lines(content, markdown=self.markdown)]
            return ("\n".join(lines if title else [content.heading(neutral), *lines])).encode()

        room = self.most - len(title.encode()) - _BETWEEN
        shown = fitted(notice, context, body, room)
        if len(shown) > room:  # such as 160 characters
            whole = compose(notice, context, DETAILS[-1])
            return title, clipped(
                _text(whole.lines[0]) if title and whole.lines else whole.heading(neutral), room
            )
        return title, shown.decode()

    def send(self, event: EventName, title: str, body: str, now: Attempt) -> Outcome:
        """Blocking, until about `now.until`."""
        attempt.set(now)
        form = apprise.NotifyFormat.MARKDOWN if self.markdown else apprise.NotifyFormat.TEXT
        kind = _TYPES.get(event, apprise.NotifyType.INFO)
        failed = ""
        try:
            taken = self._service.notify(
                body=body,
                title=title,
                notify_type=kind,
                body_format=form,
                overflow=apprise.OverflowMode.TRUNCATE,
            )
        except Exception as error:  # noqa: BLE001  # of services by many hands, whose words may hold the URL
            taken, failed = False, type(error).__name__
        if now.refused and now.outcome:
            return now.outcome
        if taken:
            return Ok(UNCONFIRMED)
        if now.outcome:
            return now.outcome
        if not now.asked:
            why = f" ({failed})" if failed else ""
            return Dead("config", f"the service sent nothing{why}: compare the url with its page")
        return Unknown("the service does not say that it took the notice")


def _guard(scheme: str, kind: type[Any]) -> None:
    """Have the service send by our stand-in for `requests`; raises Unusable for one that has other ways."""
    homes = {base.__module__ for base in kind.__mro__ if base.__module__.startswith("apprise.plugins.")}
    whole = tuple(".".join(home.split(".")[:_PLUGIN]) + "." for home in homes if home != _BASE)
    names = [name for name in tuple(sys.modules) if f"{name}.".startswith(whole)]
    modules = [sys.modules[name] for name in names]
    by_requests = [module for module in modules if getattr(module, "requests", None) in {requests, stand_in}]
    if not by_requests or any(map(_has_other_ways, modules)):
        raise Unusable(f"{scheme} does not send by HTTP alone: only such services can be used")
    for module in by_requests:
        vars(module)["requests"] = stand_in


def _has_other_ways(module: ModuleType) -> bool:
    used = (value.__name__ for value in vars(module).values() if isinstance(value, ModuleType))
    return not _OTHER_WAYS.isdisjoint(name.partition(".")[0] for name in used)


def _lines(content: Content, *, markdown: bool) -> Iterator[str]:
    if markdown:
        yield from (f"- {linked(line)}" for line in content.lines)
        yield from (f"> {neutral_line(line)}  " for line in content.tail)
        yield f"\n{linked(content.footer)}"
    else:
        yield from (_text(line) for line in content.lines)
        yield from map(neutral, content.tail)
        yield _text(content.footer, urls=True)


def _text(line: Line, *, urls: bool = False) -> str:
    """Plain text: clients make a link of a URL."""
    return "".join(
        neutral(span)
        if isinstance(span, str)
        else f"{neutral(span.text)} {span.url}"
        if urls
        else neutral(span.text)
        for span in line
    )
