"""A reconciler, its dispatcher and a receiver, at a host that keeps its deliveries and sends them again."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

import anyio.to_thread
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from support.fake_github_hooks import GitHubHooks
from support.fake_gitlab_hooks import GitLabHooks
from support.fake_hooks import REPOSITORY, TOKEN
from support.fake_http import served as host_served
from support.fake_resending import ResendingHooks
from support.fake_robots import bound_listener, served
from support.git import Origin, serve_http
from support.reconciling import ReconcilerHarness, heads, origins
from support.scripted import Store

from bridge.config.forge_api import ForgeApiSettings
from bridge.config.types import Secret
from bridge.forges.webhooks import Wanted
from bridge.model.delivery import DeliveryState
from bridge.registry import FORGES, KINDS, WEBHOOKS
from bridge.store.values import Cursor, DeliveryFilter
from bridge.web.clients import Clients
from bridge.web.receiver import HookSource, Receiver

SECRET: Final = "a-secret-of-the-webhook-0123456789"
HOSTS: Final[dict[str, type[ResendingHooks]]] = {"GitHub": GitHubHooks, "GitLab": GitLabHooks}
MAIN: Final = "refs/heads/main"


class RedeliveryHarness(ReconcilerHarness):
    """`host` has the code of `origin`, and a webhook of ours, which is answered 503 while we are `away`."""

    def __init__(
        self, store: Store, folder: Path, host: ResendingHooks, origin: Origin, url: str, **source: Any
    ) -> None:
        self.kind = next(kind for kind, made in HOSTS.items() if isinstance(host, made))
        api = ForgeApiSettings(url=host.url, token=Secret(TOKEN), allow_private=True)
        completed = api.completed(self.kind, KINDS.forges)
        super().__init__(store, folder, {"shop": url}, **{"missed": "build", "api": completed, **source})
        host.clock = store.clock
        self.host = host
        self.origin = origin
        self.away = False
        self._folder = folder
        self._url = url
        hooks = HookSource(self.kind.lower(), FORGES[self.kind], [SECRET.encode()])
        self._receiver = Receiver(
            {hooks.name: hooks},
            store.deliveries,
            store.clock,
            max_body=1 << 20,
            clients=Clients(),
            on_stored=self.dispatcher.wake,
        )

    async def receive(self, scope: Scope, receive: Receive, send: Send) -> None:
        """What the webhook leads to."""
        app = Response(status_code=503) if self.away else self._receiver
        await app(scope, receive, send)

    def reborn(self) -> "RedeliveryHarness":
        """The services of another process at the same site."""
        made = RedeliveryHarness(self.store, self._folder, self.host, self.origin, self._url)
        made.in_force.public_url = self.in_force.public_url
        return made

    def make_webhook(self, public_url: str) -> None:
        """As `connect` makes it, beside one of others."""
        self.in_force.public_url = public_url
        address = f"{public_url}/hooks/{self.kind.lower()}"
        document = WEBHOOKS[self.kind]().document(Wanted(address=address, secret=SECRET, by_tls=False), None)
        self.host.numbers += 1
        ours = self.host.made(dict(document), self.host.numbers)
        self.host.hooks[REPOSITORY] = [self.host.of_others(), ours]

    async def commit(self, text: str) -> str:
        """A push to main, which the host delivers; the commit."""
        before, after = heads(self.origin)[MAIN], self.origin.commit({"a": text})
        self.origin.push()
        await self.deliver(self.body(MAIN, before, after))
        return after

    def body(self, ref: str, before: str, after: str) -> bytes:
        """A push, as both hosts write it."""
        repository = {"full_name": REPOSITORY, "clone_url": self._url}
        project = {"path_with_namespace": REPOSITORY, "git_http_url": self._url}
        head = {"id": after, "message": "a change", "added": [], "modified": ["a"], "removed": []}
        document = {
            "object_kind": "push",
            "event_name": "push",
            "ref": ref,
            "before": before,
            "after": after,
            "checkout_sha": after,
            "repository": repository,
            "project": project,
            "head_commit": head,
            "commits": [head],
        }
        return json.dumps(document).encode()

    async def all_are_decided(self) -> bool:
        undecided = await self.store.deliveries.page(Cursor(), 1, DeliveryFilter(state=DeliveryState.STORED))
        return not undecided.rows

    async def deliver(self, body: bytes) -> None:
        event = "push" if self.kind == "GitHub" else "Push Hook"
        await anyio.to_thread.run_sync(partial(self.host.deliver, event, body))

    def asked(self) -> list[str]:
        """The requests to send something again."""
        return [line for line in self.host.requests if line.startswith("POST ")]


@asynccontextmanager
async def site(store: Store, folder: Path, kind: str, **source: Any) -> AsyncIterator[RedeliveryHarness]:
    """All of it, with nothing at work yet."""
    origin = origins(folder / "code", ["shop"])["shop"]
    with serve_http(folder / "code") as base, host_served(HOSTS[kind]()) as host:
        harness = RedeliveryHarness(store, folder, host, origin, f"{base}/shop/remote.git", **source)
        listener = bound_listener()
        harness.make_webhook(f"http://127.0.0.1:{listener.getsockname()[1]}")

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await harness.receive(scope, receive, send)

        async with served(app, listener):
            yield harness


@asynccontextmanager
async def redelivering(
    store: Store, folder: Path, kind: str, **source: Any
) -> AsyncIterator[RedeliveryHarness]:
    """All of it at work, after the first look."""
    async with site(store, folder, kind, **source) as harness, harness.running():
        await harness.begin()
        yield harness
