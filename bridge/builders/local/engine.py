"""The argument lists that build and push an image: buildah and podman without a daemon, docker with one."""

import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bridge.builders.local.folder import BuildSpec, Folder
from bridge.builders.local.process import BuildFailed

ENGINES: Final = ("buildah", "podman", "docker")
"""In the order in which `auto` tries them."""
ARGUMENT: Final = "BUILD_ARG_"
"""A parameter BUILD_ARG_X=v becomes `--build-arg X=v`."""

Argv = list[str]


class Engine(ABC):
    """One run's image building; `url` is the clone URL without credentials."""

    def __init__(self, spec: BuildSpec, folder: Folder, url: str) -> None:
        self.spec = spec
        self.folder = folder
        self.url = url

    @abstractmethod
    def build(self, context: Path, dockerfile: Path, time: int) -> Argv:
        """Build the image under all its names; `time` is the commit's, in Unix seconds."""

    @abstractmethod
    def push(self, image: str) -> Argv:
        """Push one name."""

    @abstractmethod
    def digest_query(self, image: str) -> Argv | None:
        """The command that prints the digest of the pushed image; None where the push wrote `digest_file`."""

    @abstractmethod
    def clean(self) -> Sequence[Argv]:
        """Commands that free what removing the folder does not."""

    @property
    def digest_file(self) -> Path:
        return self.folder / "tmp" / "digest"

    def read_digest(self, answer: str) -> str:
        """The digest in what `digest_query` answered, or in the file. Raises BuildFailed."""
        digest = answer.strip()
        if not digest.startswith("sha256:"):
            raise BuildFailed("the image was pushed, but its digest could not be read")
        return digest

    def _common(self, context: Path, dockerfile: Path) -> Argv:
        request = self.spec.request
        labels = {"revision": request.commit, "ref.name": request.ref, "source": self.url}
        arguments = {
            name.removeprefix(ARGUMENT): value
            for name, value in request.parameters.items()
            if name.startswith(ARGUMENT)
        }
        return [
            *(part for image in self.spec.images for part in ("--tag", image)),
            *(part for name, value in arguments.items() for part in ("--build-arg", f"{name}={value}")),
            *(
                part
                for name, value in labels.items()
                for part in ("--label", f"org.opencontainers.image.{name}={value}")
            ),
            "--file",
            str(dockerfile),
            str(context),
        ]


class Daemonless(Engine):
    """Buildah and podman: chroot isolation, a private store that ends with the build."""

    def _program(self) -> Argv:
        assert self.spec.engine is not None
        places = ["--root", str(self.folder / "store"), "--runroot", str(self.folder / "run")]
        return [self.spec.engine, *places, "--storage-driver", "vfs"]

    def _registry(self) -> Argv:
        verify = f"--tls-verify={'true' if self.spec.tls_verify else 'false'}"
        return [verify, *(["--authfile", self.spec.authfile] if self.spec.authfile else [])]

    def build(self, context: Path, dockerfile: Path, time: int) -> Argv:
        options = ["--isolation", "chroot", "--timestamp", str(time), *self._registry()]
        return [*self._program(), "build", *options, *self._common(context, dockerfile)]

    def push(self, image: str) -> Argv:
        options = [*self._registry(), "--digestfile", str(self.digest_file)]
        return [*self._program(), "push", *options, image, f"docker://{image}"]

    def digest_query(self, image: str) -> None:  # noqa: ARG002  # the push wrote it
        return None

    def clean(self) -> Sequence[Argv]:
        # In a user namespace the store's files belong to other ids: only the engine can remove them.
        used = (self.folder / "store").is_dir() and any((self.folder / "store").iterdir())
        return [[*self._program(), "rmi", "--all", "--force"]] if used else []


class Docker(Engine):
    """Docker: its daemon has the store and verifies certificates, so `tls_verify` has no effect."""

    def build(self, context: Path, dockerfile: Path, time: int) -> Argv:  # noqa: ARG002  # docker has no such option
        return ["docker", "build", *self._common(context, dockerfile)]

    def push(self, image: str) -> Argv:
        return ["docker", "push", image]

    def digest_query(self, image: str) -> Argv:
        return ["docker", "image", "inspect", "--format", "{{json .RepoDigests}}", image]

    def read_digest(self, answer: str) -> str:
        repository = self.spec.images[0].rpartition(":")[0]
        try:
            names = [str(name) for name in json.loads(answer)]
        except (ValueError, TypeError):
            names = []
        ours = (name.partition("@")[2] for name in names if name.startswith(f"{repository}@"))
        return super().read_digest(next(ours, ""))

    def clean(self) -> Sequence[Argv]:
        return [["docker", "image", "rm", "--force", *self.spec.images]]


def engine(spec: BuildSpec, folder: Folder, url: str) -> Engine:
    return (Docker if spec.engine == "docker" else Daemonless)(spec, folder, url)
