"""The receiver in this process: requests come from any address, under a clock that the test advances."""

import hmac
import json
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

import httpx
from starlette.types import Message, Receive
from support.harness import Harness
from support.scripted import Store

from bridge.registry import FORGES
from bridge.web.clients import Clients
from bridge.web.receiver import HookSource, Receiver

SECRET = b"a-secret-of-the-receiver"
MAX_BODY = 1 << 20
GONE: Message = {"type": "http.disconnect"}


def push(**more: Any) -> bytes:
    """The body of a push of GitHub."""
    document = {
        "ref": "refs/heads/main",
        "before": "b" * 40,
        "after": "c" * 40,
        "repository": {"full_name": "acme/shop", "clone_url": "https://git.example/acme/shop.git"},
    }
    return json.dumps(document | more).encode()


def signed(body: bytes, secret: bytes = SECRET) -> dict[str, str]:
    """The headers of GitHub for a body, with an id of its own."""
    return {
        "content-type": "application/json",
        "x-github-event": "push",
        "x-github-delivery": str(uuid4()),
        "x-hub-signature-256": f"sha256={hmac.digest(secret, body, 'sha256').hex()}",
    }


class ReceiverHarness(Harness):
    """A receiver on an open store, with one source of GitHub for each entry of `sources`."""

    def __init__(self, store: Store, *, clients: Clients | None = None, **sources: Mapping[str, Any]) -> None:
        super().__init__(store)
        usual: dict[str, Any] = {"forge": FORGES["GitHub"], "secrets": [SECRET]}
        self._receiver = Receiver(
            {
                name: HookSource(name, **usual | dict(more))
                for name, more in (sources or {"github": {}}).items()
            },
            store.deliveries,
            store.clock,
            max_body=MAX_BODY,
            clients=clients or Clients(),
            on_stored=self.hand_over("on_stored"),
        )

    async def post(
        self,
        body: bytes,
        headers: Mapping[str, str] | Sequence[tuple[str, str]],
        *,
        sender: str | None = "192.0.2.1",
        source: str = "github",
    ) -> httpx.Response:
        """Deliver from the address `sender`; None is a socket in the file system."""

        async def app(scope: Any, receive: Any, send: Any) -> None:
            await self._receiver({**scope, "client": sender and (sender, 1)}, receive, send)

        async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as client:
            return await client.post(f"http://bridge/hooks/{source}", content=body, headers=headers)

    async def stream(
        self, receive: Receive, headers: Mapping[str, str], *, source: str = "github"
    ) -> tuple[int, dict[str, str]]:
        """The status and the headers of the answer to a body that comes in the server's own messages."""
        said: list[Message] = []

        async def send(message: Message) -> None:
            said.append(message)

        scope = {
            "type": "http",
            "method": "POST",
            "path": f"/hooks/{source}",
            "client": ("192.0.2.1", 1),
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers.items()],
        }
        await self._receiver(scope, receive, send)
        return said[0]["status"], {name.decode(): value.decode() for name, value in said[0]["headers"]}

    async def honest(self, body: bytes = b"", **where: Any) -> int:
        """The status of a delivery with the right signature."""
        body = body or push()
        return (await self.post(body, signed(body), **where)).status_code

    async def forged(self, body: bytes = b"{}", **where: Any) -> int:
        """The status of a delivery that somebody without the secret signed."""
        return (await self.post(body, signed(body, b"no secret"), **where)).status_code


def sends(*messages: Message) -> Receive:
    """What a server hands on of a client that sends this, and is gone then."""
    left = list(messages)

    async def receive() -> Message:
        return left.pop(0) if left else GONE

    return receive
