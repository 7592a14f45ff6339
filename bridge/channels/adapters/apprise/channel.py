"""Everything else that the library Apprise can send to: a service by its URL.

Source: "Apprise", https://github.com/caronc/apprise (the URLs of its services).
"""

import asyncio
import contextlib
import re
import threading
import time
from hashlib import sha256
from importlib.util import find_spec
from typing import Final, Self

import anyio
from pydantic import model_validator

from bridge.channels.adapters.apprise.chinese import CHINESE
from bridge.channels.adapters.apprise.connections import Connections
from bridge.channels.base import Channel, ChannelContext, Dead, Outcome, Retry, Unknown
from bridge.channels.readable import readable
from bridge.config.channels import ChannelSettings
from bridge.config.types import ConfigPath, Secret, wrong
from bridge.model.notice import Notice
from bridge.runtime.http_client import ReachPolicy, url_fault
from bridge.runtime.rate import Rate

DEADLINE: Final = 25.0
"""Seconds for all requests of one send."""
_GRACE: Final = 10.0
"""Seconds for what a thread does beside requests; then it is left to itself."""
_PROMPT: Final = 1.0
"""Seconds for the thread of a send that is given up."""
THREADS: Final = 4
_threads: Final = threading.BoundedSemaphore(THREADS)
"""For all channels of this kind: a service that hangs holds one until it ends."""
_CURE: Final = "the library apprise is not installed: pip install 'buildbridge[apprise]'"
_OURS: Final = {
    "dingtalk": "DING_TALK",
    "wecombot": "WECOM",
    "wechat": "WECOM_APP",
    "feishu": "FEISHU",
    "lark": "FEISHU",
    "slack": "SLACK",
    "workflow": "TEAMS",
    "workflows": "TEAMS",
    "discord": "DISCORD",
    "ntfy": "NTFY",
    "ntfys": "NTFY",
    "tgram": "TELEGRAM",
    "mailto": "MAIL",
    "mailtos": "MAIL",
}
"""The schemes of services for which we have a kind, which reads the answers."""
_NOT_HTTP: Final = frozenset(
    {"amqp", "amqps", "aprs", "blink1", "config", "dbus", "deltachat", "deltachats", "file", "gio", "glib"}
    | {"gnome", "growl", "irc", "ircs", "kde", "macosx", "memory", "mqtt", "mqtts", "nostr", "qt", "rsyslog"}
    | {"smpp", "smpps", "syslog", "vapid", "windows", "xmpp", "xmpps"}
)
"""What acts on this machine, or has protocols of its own, which our guard of addresses does not cover."""


class AppriseSettings(ChannelSettings):
    """The service, and how it is reached."""

    url: Secret
    """The URL of one service, in the form of Apprise, such as gotify://host/TOKEN."""
    allow_private: bool = False
    """Whether the service may have a private address or be called without TLS."""
    proxy: Secret | None = None
    """The HTTP proxy to go through."""
    ca_file: ConfigPath | None = None
    """Authorities to trust instead of the public ones (a PEM file)."""

    @model_validator(mode="after")
    def _usable(self) -> Self:
        url = self.url.reveal()
        scheme, found, rest = url.partition("://")
        scheme = scheme.lower()
        if re.search(r"\s", url):
            raise wrong("url", "the URL has white space in it: write %20 in its place, and one URL only")
        if "://" in rest:
            raise wrong(
                "url", "a second URL stands in it: make a channel for each, and write %3A// in a value"
            )
        if not found or not rest or not scheme.isalnum():
            raise wrong("url", "the URL has to be one of Apprise, such as gotify://host/TOKEN")
        if scheme in {"http", "https"}:
            raise wrong(
                "url", f"{scheme} is no service: take its URL of Apprise, such as gotify://host/TOKEN"
            )
        if kind := _OURS.get(scheme):
            raise wrong("url", f"there is a kind for {scheme}, which reads the answers: use kind: {kind}")
        if scheme in _NOT_HTTP:
            raise wrong("url", f"{scheme} does not send by HTTP alone: only such services can be used")
        if self.proxy and (fault := url_fault(self.proxy.reveal(), allow_private=True)):
            raise wrong("proxy", f"the proxy is not usable: {fault}")
        if find_spec("apprise") is None:
            raise wrong("kind", _CURE)
        return self


class Apprise(Channel):
    kind = "APPRISE"
    chinese = CHINESE
    Settings = AppriseSettings
    patience = DEADLINE + _GRACE + 5
    rate = Rate(18, 60)  # the services differ; most that have groups allow 20
    digest_size = 0
    """A service may take no more than 160 characters."""

    def __init__(self, name: str, settings: AppriseSettings, context: ChannelContext) -> None:
        self.name = name
        self._url = settings.url
        self._context = context
        proxy = settings.proxy.reveal() if settings.proxy else None
        self._reach = ReachPolicy(allow_private=settings.allow_private, proxy=proxy, ca_file=settings.ca_file)
        self._idle = threading.Lock()
        """Held by the thread of an attempt, which may outlive it."""

    @classmethod
    def target(cls, settings: AppriseSettings) -> str:
        url = settings.url.reveal()
        return f"{url.partition('://')[0].lower()} {sha256(url.encode()).hexdigest()[:16]}"

    async def send(self, notice: Notice) -> Outcome:
        """By a thread of its own, which is left to itself when its time is over.

        Threads of a pool would have to end before the daemon does.
        """
        if not self._idle.acquire(blocking=False):
            return Retry("the attempt before has not ended yet", 10)
        if not _threads.acquire(blocking=False):
            self._idle.release()
            return Retry(f"{THREADS} services are slow to answer: it waits for one of them", 10)
        loop, ended, outcomes = asyncio.get_running_loop(), anyio.Event(), list[Outcome]()
        until, connections = time.monotonic() + DEADLINE, Connections()

        def run() -> None:
            try:
                outcomes.append(self._send(notice, until, connections))
            except Exception as error:  # noqa: BLE001  # its words may hold the URL
                outcomes.append(Retry(f"the adapter failed: {type(error).__name__}"))
            finally:
                _threads.release()
                self._idle.release()
                with contextlib.suppress(RuntimeError):  # no one waits any more
                    loop.call_soon_threadsafe(ended.set)

        try:
            threading.Thread(target=run, name="apprise", daemon=True).start()
        except RuntimeError:  # the system has no more of them
            _threads.release()
            self._idle.release()
            raise
        try:
            with anyio.move_on_after(DEADLINE):
                await ended.wait()
        finally:
            connections.end()
            # A thread that waited for bytes ends at once, also for a send that was given up.
            with anyio.move_on_after(_PROMPT, shield=True):
                await ended.wait()
        with anyio.move_on_after(_GRACE):
            await ended.wait()
        return outcomes[0] if outcomes else Unknown(f"no end within {DEADLINE + _GRACE:.0f} s")

    def preview(self, notice: Notice) -> str:
        # The library is imported once it is used, here and below.
        from bridge.channels.adapters.apprise.service import Service, Unusable  # noqa: PLC0415

        try:
            title, body = Service(self._url.reveal()).written(notice, self._context)
        except Unusable as error:
            return f"{error}\n"
        return readable({"title": title, "body": body})

    def _send(self, notice: Notice, until: float, connections: Connections) -> Outcome:
        """Blocking."""
        from bridge.channels.adapters.apprise.requests_guard import Attempt  # noqa: PLC0415
        from bridge.channels.adapters.apprise.service import Service, Unusable  # noqa: PLC0415

        try:
            service = Service(self._url.reveal())
        except Unusable as error:
            return Dead("config", str(error))
        title, body = service.written(notice, self._context)
        return service.send(notice.event, title, body, Attempt(self._reach, until, connections))
