"""The engine of a build."""

from bridge.builders.local.buildkit import Buildctl, Buildx
from bridge.builders.local.engine import Daemonless, Docker, Engine
from bridge.builders.local.folder import BuildSpec
from bridge.builders.local.images import Image


def make_engine(spec: BuildSpec, image: Image, url: str) -> Engine:
    """What builds the image of the spec; `url` is the clone URL without credentials."""
    if spec.engine == "docker":
        return (Buildx if len(spec.platforms) > 1 else Docker)(spec, image, url)
    if spec.engine == "buildctl":
        return Buildctl(spec, image, url)
    return Daemonless(spec, image, url)
