"""Which webhook of a repository is ours.

It is the one with our address, or with an older one whose path is that of the source.
"""

from typing import Final
from urllib.parse import urlencode, urlsplit

from bridge.errors import Permanent
from bridge.forges.host_api import HostApi
from bridge.forges.webhooks import Hook, Webhooks

_MOST_PAGES: Final = 20


def address_of(public_url: str, source: str) -> str:
    """The address of the webhooks of a source; `public_url` is where hosts reach us."""
    return f"{public_url}/hooks/{source}"


async def our_webhook(webhooks: Webhooks, api: HostApi, repository: str, address: str) -> Hook | None:
    """Our webhook among those of the repository. Raises RemoteError, also where it is not clear which."""
    hooks, path = await _all(webhooks, api, repository), _path(address)
    exact = [hook for hook in hooks if hook.address == address]
    found = exact or [hook for hook in hooks if _path(hook.address) == path]
    if len(found) > 1:
        listed = ", ".join(hook.id for hook in found)
        raise Permanent(f"{len(found)} webhooks lead to {path} ({listed}): delete all but one at the host")
    return found[0] if found else None


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


def _path(address: str) -> str:
    try:
        return urlsplit(address).path.rstrip("/")
    except ValueError:
        return ""
