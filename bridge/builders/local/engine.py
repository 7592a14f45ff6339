"""The argument lists that build and push an image: buildah and podman without a daemon, docker with one."""

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Final

from bridge.builders.local.folder import BuildSpec
from bridge.builders.local.images import Image
from bridge.builders.local.process import BuildFailed
from bridge.builders.local.programs import Argv, daemonless

ARGUMENT: Final = "BUILD_ARG_"
"""A parameter BUILD_ARG_X=v becomes `--build-arg X=v`."""


class Engine(ABC):
    """One run's image building; `url` is the clone URL without credentials.

    The image is built under its own name, which no other build has, and gets a name of the registry when it
    is pushed: until then another build may take that name.
    """

    pushes_together: ClassVar[bool] = False
    """Whether one push has all names."""
    needs_tree: ClassVar[bool] = False
    """Whether a push needs the checkout, which then stays with the image."""

    def __init__(self, spec: BuildSpec, image: Image, url: str) -> None:
        self.spec = spec
        self.image = image
        self.url = url

    @abstractmethod
    def build(self, context: Path, dockerfile: Path, time: int) -> Sequence[Argv]:
        """Build the image; `time` is the commit's, in Unix seconds."""

    @abstractmethod
    def push(self, names: Sequence[str]) -> Sequence[Argv]:
        """Push it under these names, of which there is one unless `pushes_together`."""

    @abstractmethod
    def digest_query(self) -> Argv | None:
        """The command that prints the digest of the pushed image; None where the push wrote `digest_file`."""

    def forget_names(self) -> Sequence[Argv]:
        """Commands that remove the names of the registry from the image."""
        return []

    @property
    def digest_file(self) -> Path:
        return self.image.path / "digest"

    def read_digest(self, answer: str) -> str:
        """The digest in what `digest_query` answered, or in the file. Raises BuildFailed."""
        digest = answer.strip()
        if not digest.startswith("sha256:"):
            raise BuildFailed("the image was pushed, but its digest could not be read")
        return digest

    def labels(self) -> dict[str, str]:
        request = self.spec.request
        facts = {"revision": request.commit, "ref.name": request.ref, "source": self.url}
        return {f"org.opencontainers.image.{name}": value for name, value in facts.items()}

    def arguments(self) -> dict[str, str]:
        given = self.spec.request.parameters.items()
        return {name.removeprefix(ARGUMENT): value for name, value in given if name.startswith(ARGUMENT)}

    def _common(self, context: Path, dockerfile: Path) -> Argv:
        return [
            "--manifest" if len(self.spec.platforms) > 1 else "--tag",
            self.image.name,
            *flags("--build-arg", self.arguments()),
            *flags("--label", self.labels()),
            "--file",
            str(dockerfile),
            str(context),
        ]


class Daemonless(Engine):
    """Buildah and podman: chroot isolation, a private store that ends with the build."""

    def _program(self) -> Argv:
        assert self.spec.engine is not None
        return daemonless(self.spec.engine, self.image)

    def _registry(self) -> Argv:
        verify = f"--tls-verify={'true' if self.spec.tls_verify else 'false'}"
        return [verify, *(["--authfile", self.spec.authfile] if self.spec.authfile else [])]

    def build(self, context: Path, dockerfile: Path, time: int) -> Sequence[Argv]:
        command = [*self._program(), "build", "--isolation", "chroot", "--timestamp", str(time)]
        common = [*self._registry(), *self._common(context, dockerfile)]
        # One after the other: their order is part of the digest of all.
        options = [["--platform", platform] for platform in self.spec.platforms] or [[]]
        return [[*command, *option, *common] for option in options]

    def push(self, names: Sequence[str]) -> Sequence[Argv]:
        (name,) = names
        options = [*self._registry(), "--digestfile", str(self.digest_file)]
        command = ["manifest", "push", "--all"] if len(self.spec.platforms) > 1 else ["push"]
        return [[*self._program(), *command, *options, self.image.name, f"docker://{name}"]]

    def digest_query(self) -> None:
        return None


class Docker(Engine):
    """Docker: its daemon has the store and verifies certificates, so `tls_verify` has no effect."""

    def build(self, context: Path, dockerfile: Path, time: int) -> Sequence[Argv]:  # noqa: ARG002  # docker has no such option
        options = [part for platform in self.spec.platforms for part in ("--platform", platform)]
        return [["docker", "build", *options, *self._common(context, dockerfile)]]

    def push(self, names: Sequence[str]) -> Sequence[Argv]:
        (name,) = names
        return [["docker", "tag", self.image.name, name], ["docker", "push", name]]

    def digest_query(self) -> Argv:
        return ["docker", "image", "inspect", "--format", "{{json .RepoDigests}}", self.image.name]

    def read_digest(self, answer: str) -> str:
        repository = self.spec.images[0].rpartition(":")[0]
        try:
            names = [str(name) for name in json.loads(answer)]
        except (ValueError, TypeError):
            names = []
        ours = (name.partition("@")[2] for name in names if name.startswith(f"{repository}@"))
        return super().read_digest(next(ours, ""))

    def forget_names(self) -> Sequence[Argv]:
        return [["docker", "image", "rm", "--force", *self.spec.images]]


def flags(option: str, pairs: Mapping[str, str]) -> Iterator[str]:
    """`option` before each of the pairs, written as name=value."""
    for name, value in pairs.items():
        yield from (option, f"{name}={value}")
