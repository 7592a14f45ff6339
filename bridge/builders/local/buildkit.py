"""Engines on BuildKit, whose images are nowhere but in its cache until they are pushed.

The image is built first without an output, so that a build which fails has pushed nothing. A push is the same
once more, out of the cache, and has all names; the time of the commit makes both the same. So the checkout
stays with the image until it is pushed.

Source: "docker buildx build", https://docs.docker.com/reference/cli/docker/buildx/build/, and "buildctl",
https://github.com/moby/buildkit/blob/master/docs/reference/buildctl.md
"""

import json
from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from bridge.builders.local.checkout import sources
from bridge.builders.local.engine import Engine, flags
from bridge.builders.local.programs import Argv, address_of


class BuildKit(Engine):
    pushes_together: ClassVar[bool] = True
    needs_tree: ClassVar[bool] = True

    def build(self, context: Path, dockerfile: Path, time: int) -> Sequence[Argv]:
        return [self._command([], context, dockerfile, time)]

    def push(self, names: Sequence[str]) -> Sequence[Argv]:
        record = self.image.record
        assert record is not None
        context, dockerfile = sources(self.image.tree, self.spec.request)
        return [self._command(self._output(names), context, dockerfile, record.time)]

    def digest_query(self) -> None:
        return None

    def read_digest(self, answer: str) -> str:
        try:
            return super().read_digest(str(json.loads(answer)["containerimage.digest"]))
        except (ValueError, TypeError, KeyError):
            return super().read_digest("")

    @abstractmethod
    def _output(self, names: Sequence[str]) -> Argv:
        """The options that push it, and write to `digest_file` what it was."""

    @abstractmethod
    def _command(self, output: Argv, context: Path, dockerfile: Path, time: int) -> Argv:
        """Build it, with these options; `time` is the commit's, in Unix seconds."""


class Buildx(BuildKit):
    """Docker where it builds for several platforms: its own store cannot hold such an image."""

    def _output(self, names: Sequence[str]) -> Argv:
        tags = [part for name in names for part in ("--tag", name)]
        return ["--push", "--metadata-file", str(self.digest_file), *tags]

    def _command(self, output: Argv, context: Path, dockerfile: Path, time: int) -> Argv:
        arguments = {**self.arguments(), "SOURCE_DATE_EPOCH": str(time)}
        return [
            *("docker", "buildx", "build", "--progress", "plain", "--provenance=false"),
            *("--platform", ",".join(self.spec.platforms)),
            *output,
            *flags("--build-arg", arguments),
            *flags("--label", self.labels()),
            *("--file", str(dockerfile), str(context)),
        ]


class Buildctl(BuildKit):
    """A buildkitd, here or elsewhere; it pulls base images by its own settings."""

    def _output(self, names: Sequence[str]) -> Argv:
        # A list within a list is quoted as in CSV.
        image = f'type=image,"name={",".join(names)}",push=true{self._insecure}'
        output = ["--output", image, "--metadata-file", str(self.digest_file)]
        if self.spec.cache_image:
            cache = f"type=registry,ref={self.spec.cache_image},mode=max,ignore-error=true{self._insecure}"
            output += ["--export-cache", cache]
        return output

    @property
    def _insecure(self) -> str:
        return "" if self.spec.tls_verify else ",registry.insecure=true"

    def _command(self, output: Argv, context: Path, dockerfile: Path, time: int) -> Argv:
        spec = self.spec
        options = {
            **{f"build-arg:{name}": value for name, value in self.arguments().items()},
            "build-arg:SOURCE_DATE_EPOCH": str(time),
            **{f"label:{name}": value for name, value in self.labels().items()},
            "filename": dockerfile.name,
        }
        if spec.platforms:
            options["platform"] = ",".join(spec.platforms)
        cache = f"type=registry,ref={spec.cache_image}{self._insecure}"
        return [
            *address_of(spec.address, spec.tls_dir),
            *("build", "--progress", "plain", "--frontend", "dockerfile.v0"),
            *("--local", f"context={context}", "--local", f"dockerfile={dockerfile.parent}"),
            *flags("--opt", options),
            *(["--import-cache", cache] if spec.cache_image else []),
            *output,
        ]
