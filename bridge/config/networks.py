"""The types of settings that name clients and proxies by their addresses."""

from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated, Final, Literal

from pydantic import BeforeValidator, Field

from bridge.config.types import wrong

UNIX: Final = "unix"
"""The word for proxies that connect through a socket file."""
_MAPPED_BITS: Final = 96


def _network(value: object) -> IPv4Network | IPv6Network:
    if isinstance(value, IPv4Network | IPv6Network):
        return value
    try:
        network = ip_network(value if isinstance(value, str) else "")
    except ValueError:
        problem = "is not an address or network, such as 192.0.2.7 or 192.0.2.0/24 (no host bits set)"
        raise wrong("network", problem) from None
    mapped = network.network_address.ipv4_mapped if isinstance(network, IPv6Network) else None
    # An IPv4 address that is written as IPv6 is compared as IPv4.
    return ip_network((mapped, network.prefixlen - _MAPPED_BITS)) if mapped else network


def _proxy(value: object) -> IPv4Network | IPv6Network | str:
    return UNIX if value == UNIX else _network(value)


IpNetwork = Annotated[IPv4Network | IPv6Network, BeforeValidator(_network, json_schema_input_type=str)]
"""An IP address, or a network in CIDR notation."""
Networks = Annotated[tuple[IpNetwork, ...], Field(strict=False, max_length=1000)]
Proxy = Annotated[
    IPv4Network | IPv6Network | Literal["unix"], BeforeValidator(_proxy, json_schema_input_type=str)
]
"""A network of proxies, or `unix`: every program that may write to the socket file of systemd."""
Proxies = Annotated[tuple[Proxy, ...], Field(strict=False, max_length=1000)]
