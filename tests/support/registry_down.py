"""What a test of a registry that is down needs, and of the images that are kept meanwhile."""

from pathlib import Path

import anyio
from support.fake_docker import IMAGE, Docker
from support.git import Origin
from support.local_site import LocalSite, pushed, request, status

from bridge.builders.base import Status
from bridge.builders.local.builder import LocalBuilder
from bridge.model.build import BuildRequest


class DownRegistry:
    """What stands in for a registry behind the stand-in for docker; it is down until it is `up`."""

    def __init__(self, docker: Docker, folder: Path) -> None:
        self._up = folder / "up"
        self._says = folder / "says"
        self._docker = docker
        self.fails()

    def fails(
        self, says: str = "dial tcp 10.0.0.7:443: connect: connection refused", what: str = "*"
    ) -> None:
        """Pushes of names that match `what` fail with these words."""
        self._says.write_text(f"Error: pushing: {says}\n")
        fail = f"test -e {self._up} || {{ cat {self._says}; exit 1; }}"
        self._docker.does(push=f'case "$2" in {what}) {fail} ;; esac')

    def up(self) -> None:
        self._up.touch()


def order(origin: Origin, **changes: str) -> BuildRequest:
    files = {"Dockerfile": "FROM scratch\nCOPY hello.txt /\n", "hello.txt": "hello\n"}
    return request(origin, pushed(origin, files), **{"image": IMAGE, **changes})


async def hinted(builder: LocalBuilder, build_id: str = "b1") -> Status:
    """The build, once it waits for the registry."""
    with anyio.fail_after(60):
        while not (found := await status(builder, build_id)).hint:
            assert not found.state.terminal, found
            await anyio.sleep(0.02)
    return found


def image(site: LocalSite, build_id: str = "b1") -> Path:
    return site.state / f"{build_id}.image"
