"""Which client sent a request: the peer of the connection, or the address that trusted proxies report."""

import ipaddress
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

from starlette.types import Scope

from bridge.config.networks import UNIX, IpNetwork

_FORWARDED: Final = b"x-forwarded-for"
_MAX_HOPS: Final = 32
_MAX_FORWARDED: Final = 2048
_PREFIX_BITS: Final = 64

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Client:
    """`address` is None where it is unknown; requests with one `client_key` share their rate limits.

    A client_key is an IPv4 address, or the /64 network of an IPv6 address: one customer has all of it.
    """

    address: Address | None
    client_key: str

    def is_in(self, networks: Iterable[IpNetwork]) -> bool:
        return self.address is not None and any(self.address in network for network in networks)


class Clients:
    """Tells clients apart, also behind `proxies`, whose X-Forwarded-For is trusted.

    Each proxy appends the address of its peer. So the header is read from its end, as long as the proxy that
    appended the entry is trusted; any client may have written what stands further left.
    """

    def __init__(self, proxies: Collection[IpNetwork | Literal["unix"]] = ()) -> None:
        self._networks = [network for network in proxies if not isinstance(network, str)]
        self._trusts_unix = UNIX in proxies
        self._direct = lru_cache(maxsize=4096)(self._of_peer)
        self._behind = lru_cache(maxsize=4096)(self._forwarded)

    def of(self, scope: Scope) -> Client:
        """The client of an ASGI request."""
        client = scope.get("client")
        peer, is_proxy = self._direct(client[0] if client else None)
        if not is_proxy:
            return peer
        chain = b",".join(value for name, value in scope["headers"] if name == _FORWARDED)
        if not chain:
            return peer
        return self._behind(chain[-_MAX_FORWARDED:], peer)

    def is_proxy(self, scope: Scope) -> bool:
        """Whether one of the proxies has sent it, whatever a header says."""
        client = scope.get("client")
        return self._direct(client[0] if client else None)[1]

    def _of_peer(self, host: str | None) -> tuple[Client, bool]:
        if host is None:
            return Client(None, UNIX), self._trusts_unix
        peer = _client_of(_address(host), host)
        return peer, peer.is_in(self._networks)

    def _forwarded(self, chain: bytes, peer: Client) -> Client:
        nearest = peer
        for entry in reversed(chain.decode("latin-1").rsplit(",", _MAX_HOPS)[-_MAX_HOPS:]):
            nearest = _client_of(_address(_host(entry.strip())), nearest.client_key)
            if not nearest.is_in(self._networks):
                break
        return nearest


def _client_of(address: Address | None, fallback_key: str) -> Client:
    if address is None:
        return Client(None, fallback_key)
    if isinstance(address, ipaddress.IPv4Address):
        return Client(address, str(address))
    return Client(address, str(ipaddress.IPv6Network((int(address), _PREFIX_BITS), strict=False)))


def _host(entry: str) -> str:
    """The entry without the port that some proxies add: `192.0.2.7:80`, `[2001:db8::1]:80`."""
    if entry.startswith("["):
        return entry[1:].partition("]")[0]
    return entry.partition(":")[0] if entry.count(":") == 1 else entry


def _address(text: str) -> Address | None:
    """The address; an IPv4-mapped IPv6 address becomes IPv4. None for any other text."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
