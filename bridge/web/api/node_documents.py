"""The nodes of a store as JSON documents, for the API and for the command line alike."""

from typing_extensions import TypedDict

from bridge.model.node import Roll
from bridge.runtime.clock import when


class NodeDocument(TypedDict):
    """A daemon that serves the store."""

    name: str
    """Its machine and its port."""
    version: str
    since: str
    beat_at: str | None
    """When it last said that it is there; null for a store that only one daemon can serve."""
    beat_age: int | None
    """How old that is in seconds, by the clock of the store."""
    late: bool
    """Whether that is so old that other nodes take what it does."""
    duties: list[str] | None
    """What it does for all nodes; null for a store that only one daemon can serve: it does everything."""


def node_documents(roll: Roll, *, is_shared: bool) -> list[NodeDocument]:
    """The nodes of a store by name; `is_shared` is whether several can serve it."""
    return [
        {
            "name": node.name,
            "version": node.version,
            "since": when(node.started_at),
            "beat_at": when(node.beat_at) if is_shared else None,
            "beat_age": round(roll.age(node)) if is_shared else None,
            "late": is_shared and roll.expired(node),
            "duties": list(roll.duties_of(node)) if is_shared else None,
        }
        for node in roll.nodes
    ]
