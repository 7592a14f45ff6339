"""The programs that build images, and how they are called on what one build has of its own."""

from collections.abc import Sequence
from typing import Final

from bridge.builders.local.images import Image

ENGINES: Final = ("buildah", "podman", "docker")
"""In the order in which `auto` tries them."""
DAEMONLESS: Final = ("buildah", "podman")

Argv = list[str]


def daemonless(engine: str, image: Image) -> Argv:
    places = ["--root", str(image.path / "store"), "--runroot", str(image.path / "run")]
    return [engine, *places, "--storage-driver", "vfs"]


def address_of(address: str | None, tls_dir: str | None) -> Argv:
    """The program and where its daemon is; by default at its usual socket."""
    return [
        "buildctl",
        *(["--addr", address] if address else []),
        *(["--tlsdir", tls_dir] if tls_dir else []),
    ]


def forget_image(engine: str, image: Image) -> Sequence[Argv]:
    """Commands that free what removing the folder of an image does not."""
    if engine == "docker":
        return [["docker", "image", "rm", "--force", image.name]]
    # In a user namespace the store's files belong to other ids: only the engine can remove them.
    store = image.path / "store"
    is_used = store.is_dir() and any(store.iterdir())
    wanted = engine in DAEMONLESS and is_used
    return [[*daemonless(engine, image), "rmi", "--all", "--force"]] if wanted else []
