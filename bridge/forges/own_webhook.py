"""Which webhook of a repository is ours.

It is the one with our address. One at another host with the path of the source is that of another bridge, or
ours of before a move: only a person knows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlencode, urlsplit

from bridge.errors import Permanent
from bridge.forges.host_api import HostApi
from bridge.forges.webhooks import Hook, Webhooks

_MOST_PAGES: Final = 20
_USUAL_PORTS: Final = {"http": 80, "https": 443}


def address_of(public_url: str, source: str) -> str:
    """The address of the webhooks of a source; `public_url` is where hosts reach us."""
    return f"{public_url}/hooks/{source}"


def shown(address: str) -> str:
    """The address without what may be a secret in it."""
    parts = _parts(address)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


@dataclass(frozen=True, slots=True)
class SourceWebhooks:
    """The webhooks of a repository: `ours` lead to this bridge, `others` elsewhere by the source's path."""

    ours: Sequence[Hook]
    others: Sequence[Hook]
    every: Sequence[Hook]

    def at(self, address: str) -> Sequence[Hook]:
        """Those with this address, which may be one as `shown`."""
        return [hook for hook in self.every if shown(hook.address).rstrip("/") == address.rstrip("/")]


async def our_webhook(webhooks: Webhooks, api: HostApi, repository: str, address: str) -> Hook | None:
    """Our webhook among those of the repository. Raises RemoteError, also where it is not clear which."""
    return only((await webhooks_of(webhooks, api, repository, address)).ours)


def only(hooks: Sequence[Hook], cure: str = "delete all but one at the host") -> Hook | None:
    """The one of them, None where there is none. Raises Permanent where there are more."""
    if len(hooks) > 1:
        listed = ", ".join(hook.id for hook in hooks)
        where = ", ".join(dict.fromkeys(shown(hook.address) for hook in hooks))
        raise Permanent(f"{len(hooks)} webhooks lead to {where} ({listed}): {cure}")
    return hooks[0] if hooks else None


async def webhooks_of(webhooks: Webhooks, api: HostApi, repository: str, address: str) -> SourceWebhooks:
    """The webhooks of the repository; `address` is ours. Raises RemoteError."""
    hooks, wanted = await _all(webhooks, api, repository), _parts(address)
    exact = [hook for hook in hooks if hook.address == address]
    same = [hook for hook in hooks if _path(_parts(hook.address)) == _path(wanted)]
    here = [hook for hook in same if _site(_parts(hook.address)) == _site(wanted)]
    return SourceWebhooks(exact or here, [hook for hook in same if hook not in here], hooks)


async def _all(webhooks: Webhooks, api: HostApi, repository: str) -> list[Hook]:
    found: dict[str, Hook] = {}
    path = webhooks.path(repository)
    for page in range(1, _MOST_PAGES + 1):
        reply = await api.call("GET", f"{path}?{urlencode(webhooks.query(page))}")
        entries = webhooks.entries(reply.data)
        if entries is None:
            raise Permanent(f"{api.peer} answered {reply.status}, and not what its API says")
        hooks = [hook for entry in entries if (hook := webhooks.hook(entry))]
        # A host may have smaller pages than it was asked for, and one without pages repeats the first.
        fresh = {hook.id: hook for hook in hooks if hook.id not in found}
        if not fresh:
            return list(found.values())
        found |= fresh
    raise Permanent(f"the list of webhooks has more than {_MOST_PAGES} pages")


def _parts(address: str) -> SplitResult:
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError:
        return urlsplit("")
    return parts


def _path(parts: SplitResult) -> str:
    return parts.path.rstrip("/")


def _site(parts: SplitResult) -> tuple[str | None, int | None]:
    """The host and its port, None for the one that its scheme has anyway."""
    return parts.hostname, None if parts.port == _USUAL_PORTS.get(parts.scheme) else parts.port
