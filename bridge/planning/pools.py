"""Which robot of a pool sends a notice (pure).

Rendezvous hashing: each key ranks the members by itself. So a key keeps its member over restarts and in all
processes, and a member that is removed gives up its own keys only.
"""

from collections.abc import Mapping, Sequence
from hashlib import sha256

from bridge.model.build import Build

Pools = Mapping[str, Sequence[str]]
"""The names of channels by the name of a pool."""


def channel_of(pools: Pools, name: str, key: str, *, without: str | None = None) -> str:
    """The channel of this name, or of a pool of this name the one for the key that is not `without`."""
    members = [member for member in pools.get(name, ()) if member != without]
    if not members:
        return name
    return max(members, key=lambda member: sha256(f"{member}\0{key}".encode()).digest())


def key_of_build(build: Build) -> str:
    """The same for all builds of a push, so that they go in one message."""
    origin = build.origin
    return key_of_code(origin.client, origin.code_path or build.request.repo_url)


def key_of_code(client: str | None, code: str) -> str:
    """That of a code repository: its name at that kind of Git host, or its clone address."""
    return f"{client or ''} {code}".lower()
