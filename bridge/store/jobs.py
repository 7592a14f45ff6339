"""The port of the store about the jobs of build systems. See `bridge.store.base`."""

from typing import Protocol

from bridge.model.build import SeenJob


class Jobs(Protocol):
    """The jobs of build systems as calls of them have seen them."""

    async def keep(self, builder: str, seen: SeenJob) -> None:
        """Keep how a job is, in place of how it was before."""

    async def of(self, builder: str) -> list[SeenJob]:
        """The jobs that were seen for this builder, each as it was last."""
