"""The settings of the local builder, and the spec that they make of a request."""

import os
import re
import shutil
from datetime import timedelta
from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints, field_validator, model_validator

from bridge.builders.local.folder import BuildSpec
from bridge.builders.local.limits import Limits
from bridge.builders.local.programs import ENGINES
from bridge.config.types import ConfigPath, Duration, Shape, Size, Strict, wrong
from bridge.model.build import BuildRequest
from bridge.model.variables import steers_programs
from bridge.runtime.git.access import split_credentials

_MAX_TAGS: Final = 101
"""One for each tag_config that a rule may have, and the version tag."""

_OF_BUILDCTL: Final = frozenset({"address", "tls_dir", "cache_image"})
_OF_ENGINES: Final = _OF_BUILDCTL | {"engine", "registry", "tls_verify", "authfile", "push_for", "platforms"}
"""Settings that mean nothing for a `command`."""
BUILD_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}(\.[1-9][0-9]{0,3})?")
"""A build's id; a later run of it has its number after a dot."""
_COMMIT = re.compile(r"(?:[0-9a-f]{40}|[0-9a-f]{64})?")
_REF = re.compile(r"refs/[^\x00-\x20\x7f~^:?*\[\\]{1,1000}")
_IMAGE = re.compile(r"(?=.{1,512}$)[a-z0-9][A-Za-z0-9.:-]*(/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)+")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

Text = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$", max_length=32_768)]
_ABSOLUTE: Final = Shape(r"^/[^\x00]*$", "write its whole path, which begins with a slash")
_REGISTRY: Final = Shape(
    r"^[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[a-z0-9._/-]+)?$",
    "write its host and port, such as 127.0.0.1:5000, without http:// before it",
)
# Its length is no part of the pattern: a repetition of so many would take more than a megabyte.
_CACHE_IMAGE: Final = StringConstraints(pattern=r"^[^\x00\s,\"]+$", max_length=512)
Platform = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+/[a-z0-9]+(/[a-z0-9.]+)?$")]
Protocol = Literal["https", "ssh", "http", "git", "file"]


class LimitSettings(Strict):
    """What the command, or the RUN steps of an image build, may take of the machine."""

    memory: Size | None = Field(None, ge=16 << 20)
    """Of memory; what needs more is killed."""
    cpus: float | None = Field(None, ge=0.05, le=1024)
    """Of processors, such as 1.5."""
    pids: int | None = Field(None, ge=16, le=1 << 22)
    """Processes and threads at once."""


class LocalSettings(Strict):
    """Either `engine` builds images, or `command` (no shell) runs in the checkout.

    Images that name no registry get `registry`. `environment` is added to every step; never put secrets
    there, because builds can print it. `tls_verify` is for buildah, podman and the pushes of buildctl;
    Docker's daemon has its own setting.
    """

    engine: Literal["auto", "buildah", "podman", "docker", "buildctl"] = "auto"
    """What builds images; auto takes the first of buildah, podman and docker that is installed.

    `buildctl` has them built by a buildkitd.
    """
    address: Annotated[str, StringConstraints(pattern=r"^[a-z-]+://[^\x00\s]+$")] | None = None
    """Where buildkitd is (buildctl), such as tcp://buildkit.example.com:1234; else at its usual socket."""
    tls_dir: Annotated[str, _ABSOLUTE] | None = None
    """A folder with ca.pem, cert.pem and key.pem, with which buildkitd lets us in (buildctl)."""
    cache_image: Annotated[str, _CACHE_IMAGE] | None = None
    """An image in a registry that has the cache of builds, for all who build with it (buildctl)."""
    command: Annotated[list[Text], Field(min_length=1, max_length=200)] | None = None
    """Instead of an engine: a program and its arguments, run in the checkout without a shell."""
    registry: Annotated[str, _REGISTRY] | None = None
    """The registry of images that name none, such as 127.0.0.1:5000."""
    tls_verify: bool = True
    """Whether the certificate of the registry is checked (buildah, podman and buildctl)."""
    authfile: Annotated[str, _ABSOLUTE] | None = None
    """A file with credentials of registries, as `buildah login --authfile` writes it."""
    workers: int = Field(2, ge=1, le=32)
    """How many builds run at once."""
    timeout: Duration = Field(timedelta(hours=2), ge=timedelta(seconds=1), le=timedelta(days=7))
    """How long a build may take, without the time in which a registry does not take its image."""
    folder: ConfigPath | None = None
    """Where builds have their folders, in one of the builder's name; if left out, beside the store.

    A relative path starts at the folder of bridge.yaml. Builds that began beside the store end there; those
    that began in another folder are lost, so change it while none of them is open.
    """
    push_for: Duration = Field(timedelta(minutes=30), le=timedelta(days=7))
    """How long an image is pushed again that the registry does not take; then it is kept for a day."""
    max_tree: Size = Field(2 << 30, ge=1 << 10)
    """How much a checkout may hold."""
    protocols: list[Protocol] = Field(["https", "ssh"], min_length=1, max_length=5)
    """How code may be fetched."""
    submodules: bool | Literal["recursive"] = False
    """Whether submodules are fetched, over `protocols` too; `recursive`: those of submodules as well."""
    lfs: bool = False
    """Whether the files of Git LFS are fetched; otherwise a build gets their pointers. Needs git-lfs."""
    history: Literal["shallow", "full", "tags"] = "shallow"
    """`shallow` is one commit, `full` those before it as well, `tags` also all tags, for `git describe`."""
    cache: Size | None = Field(None, ge=1 << 20)
    """How much may be kept of what builds fetched, so that the next one fetches only what is new.

    Objects of repositories that no build needed for longest go first. Submodules and files of Git LFS are
    fetched each time. Left out, nothing is kept.
    """
    platforms: list[Platform] = Field([], max_length=16)
    """Such as linux/amd64 and linux/arm64: an image for each under one digest. Left out, for this machine.

    Docker needs buildx for several, with a builder that can.
    """
    limits: LimitSettings = LimitSettings()
    """Bounds for what a build runs, by control groups; where the machine has none, each build says so."""
    environment: dict[Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")], Text] = Field(
        default_factory=dict, max_length=200
    )
    """Variables for every step of a build. Never put secrets here: builds can print them."""

    @field_validator("folder", mode="before")
    @classmethod
    def _is_path(cls, value: object) -> object:
        if isinstance(value, str) and (not value.strip() or "\0" in value):
            raise wrong("folder", "must be the path of a folder, such as /srv/builds")
        return value

    @model_validator(mode="after")
    def _one_way(self) -> "LocalSettings":
        clash = self.model_fields_set & _OF_ENGINES
        if self.command is not None and clash:
            given = ", ".join(f"`{name}`" for name in sorted(clash))
            raise wrong(
                "exclusive", f"`command` builds without an engine: remove {given}, or remove `command`"
            )
        if self.engine != "buildctl" and (foreign := self.model_fields_set & _OF_BUILDCTL):
            given = ", ".join(f"`{name}`" for name in sorted(foreign))
            raise wrong(
                "exclusive", f"only buildctl knows {given}: set `engine: buildctl`, or remove {given}"
            )
        if self.command is not None and not self.command[0]:
            raise wrong("command", "the first part of `command` is the program, it cannot be empty")
        return self


class Unbuildable(Exception):
    """A request that this builder can never build; the text is for people."""


def make_spec(request: BuildRequest, settings: LocalSettings, log_limit: int) -> BuildSpec:
    """The spec for the runner. Raises Unbuildable."""
    _check(request)
    engine: str | None = None
    images: tuple[str, ...] = ()
    if settings.command is None:
        engine = find_engine(settings.engine)
        repository = qualified_image(request.image, settings.registry)
        images = tuple(f"{repository}:{tag}" for tag in request.tags)
    if lacks := missing_tool(settings):
        raise Unbuildable(lacks)
    return BuildSpec(
        request=request,
        engine=engine,
        command=tuple(settings.command or ()),
        images=images,
        tls_verify=settings.tls_verify,
        authfile=settings.authfile,
        timeout=settings.timeout.total_seconds(),
        log_limit=log_limit,
        max_tree=settings.max_tree,
        protocols=tuple(settings.protocols),
        environment=settings.environment,
        submodules=settings.submodules,
        lfs=settings.lfs,
        history=settings.history,
        cache=settings.cache is not None,
        platforms=tuple(settings.platforms),
        address=settings.address,
        tls_dir=settings.tls_dir,
        cache_image=settings.cache_image,
        limits=Limits(**settings.limits.model_dump()),
        path=os.environ.get("PATH", os.defpath),
        push_for=settings.push_for.total_seconds(),
    )


def missing_tool(settings: LocalSettings) -> str | None:
    """What is not installed and every build needs, and what to do."""
    if not shutil.which("git"):
        return "the program git is not found, so no code can be fetched: install git"
    if settings.lfs and not shutil.which("git-lfs"):
        return "the program git-lfs is not found, which `lfs: true` needs: install git-lfs"
    return None


def find_engine(setting: str) -> str:
    """The program that will build images. Raises Unbuildable where there is none."""
    wanted = ENGINES if setting == "auto" else (setting,)
    found = next((name for name in wanted if shutil.which(name)), None)
    if found is None:
        raise Unbuildable(
            f"no program that builds images is installed ({', '.join(wanted)}): install {wanted[0]}"
        )
    return found


def _check(request: BuildRequest) -> None:
    """Raises Unbuildable for values that no Git host and no rule would send."""
    singles = (
        ("build id", BUILD_ID, request.build_id),
        ("commit", _COMMIT, request.commit),
        ("ref", _REF, request.ref),
    )
    tags = tuple(("tag", _TAG, tag) for tag in request.tags)
    parameters = tuple(("parameter name", _VARIABLE, name) for name in request.parameters)
    for what, form, value in (*singles, *tags, *parameters):
        if not form.fullmatch(value):
            raise Unbuildable(f"{value!r} is not a valid {what}")
    if steering := [name for name in request.parameters if steers_programs(name)]:
        raise Unbuildable(f"{steering[0]} cannot be a parameter: it would decide which programs run")
    if not 1 <= len(request.tags) <= _MAX_TAGS:
        raise Unbuildable(f"a build needs 1 to {_MAX_TAGS} tags")
    try:
        split_credentials(request.repo_url)
    except ValueError:
        raise Unbuildable("the clone URL cannot be read") from None
    if any("\0" in value for value in request.variables().values()):
        raise Unbuildable("a value of the build holds a NUL character")


def qualified_image(image: str, registry: str | None) -> str:
    """The image with its registry. Raises Unbuildable."""
    host, slash, _ = image.partition("/")
    named = slash and (host == "localhost" or "." in host or ":" in host)
    if not named and registry is None:
        raise Unbuildable(
            f"the image {image} names no registry: set `registry` on the builder, or name it in the rule"
        )
    full = image if named else f"{registry}/{image}"
    if not _IMAGE.fullmatch(full):
        raise Unbuildable(f"{full!r} is not a valid image name")
    return full
