"""A real OCI registry on loopback, and its HTTP API as a reader."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from support.daemon import NO_TLS
from support.needs import needs
from support.ports import free_port

_ACCEPT = (
    "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json, "
    "application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json"
)
_CONFIG = """
version: 0.1
log: {{level: error}}
storage:
  filesystem: {{rootdirectory: {root}}}
  delete: {{enabled: true}}
http:
  addr: {address}
"""


@dataclass(frozen=True, slots=True)
class Registry:
    """`address` is `host:port`, to be written before image names."""

    address: str

    def tags(self, name: str) -> list[str]:
        """The tags of a repository, sorted; none where the registry does not know it."""
        answer = httpx.get(f"http://{self.address}/v2/{name}/tags/list", timeout=10, verify=NO_TLS)
        return [] if answer.status_code == 404 else sorted(answer.raise_for_status().json()["tags"] or [])

    def manifest(self, name: str, reference: str) -> tuple[str, dict[str, Any]]:
        """The digest and the document of a manifest, by its tag or digest."""
        url = f"http://{self.address}/v2/{name}/manifests/{reference}"
        answer = httpx.get(url, headers={"Accept": _ACCEPT}, timeout=10, verify=NO_TLS).raise_for_status()
        return answer.headers["Docker-Content-Digest"], answer.json()

    def blob(self, name: str, digest: str) -> bytes:
        """A layer or a configuration."""
        answer = httpx.get(f"http://{self.address}/v2/{name}/blobs/{digest}", timeout=10, verify=NO_TLS)
        return answer.raise_for_status().content


@contextmanager
def registry(folder: Path, address: str | None = None) -> Iterator[Registry]:
    """Run a registry that keeps everything in `folder`, and wait until it answers.

    With the `address` of an earlier one, it takes its place.
    """
    program = needs("docker-registry")
    folder.mkdir(parents=True, exist_ok=True)
    for _ in range(5):
        place = address or f"127.0.0.1:{free_port()}"
        config = folder / "config.yml"
        config.write_text(_CONFIG.format(root=folder / "data", address=place))
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen([program, "serve", str(config)], stdout=log, stderr=log, env={})
        try:
            if _answers(place, process):
                yield Registry(place)
                return
        finally:
            process.terminate()
            process.wait(10)
    raise AssertionError(f"the registry does not start: {(folder / 'log').read_text()[-2000:]}")


def _answers(address: str, process: subprocess.Popen[bytes]) -> bool:
    """Whether the registry answers; False when it has ended, because its port was taken."""
    until = time.monotonic() + 20
    while process.poll() is None and time.monotonic() < until:
        try:
            if httpx.get(f"http://{address}/v2/", timeout=5, verify=NO_TLS).status_code == 200:
                return True
        except httpx.TransportError:
            time.sleep(0.02)  # another process: nothing says when it listens
    return False
