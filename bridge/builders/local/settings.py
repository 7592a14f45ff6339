"""The settings of the local builder, and what it makes of a request under them."""

import os
import re
import shutil
from datetime import timedelta
from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints, model_validator

from bridge.builders.local.checkout import split_credentials
from bridge.builders.local.engine import ENGINES
from bridge.builders.local.folder import Order
from bridge.config.types import Duration, Size, Strict, wrong
from bridge.model.build import BuildRequest

_MAX_TAGS: Final = 101
"""Those of all the tag_configs that a rule may have, and the version."""

BUILD_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
_COMMIT = re.compile(r"(?:[0-9a-f]{40}|[0-9a-f]{64})?")
_REF = re.compile(r"refs/[^\x00-\x20\x7f~^:?*\[\\]{1,1000}")
_IMAGE = re.compile(r"(?=.{1,512}$)[a-z0-9][A-Za-z0-9.:-]*(/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)+")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

Text = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$", max_length=32_768)]
Protocol = Literal["https", "ssh", "http", "git", "file"]


class LocalSettings(Strict):
    """Either images are built by `engine`, or `command` (no shell) is run in the checkout.

    `registry` is put before images that name none. `environment` is added to every step and is no place for
    secrets: builds can print it. `tls_verify` is for buildah and podman; Docker's daemon has its own setting.
    """

    engine: Literal["auto", "buildah", "podman", "docker"] = "auto"
    """What builds images; auto takes the first of buildah, podman and docker that is there."""
    command: Annotated[list[Text], Field(min_length=1, max_length=200)] | None = None
    """Instead of an engine: a program and its arguments, run in the checkout, without a shell."""
    registry: (
        Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.-]+(:\d{1,5})?(/[a-z0-9._/-]+)?$")] | None
    ) = None
    """What is put before images that name no registry, such as 127.0.0.1:5000."""
    tls_verify: bool = True
    """Whether the certificate of the registry is checked (buildah and podman)."""
    authfile: Annotated[str, StringConstraints(pattern=r"^/[^\x00]*$")] | None = None
    """A file with credentials of registries, as `buildah login --authfile` writes it."""
    workers: int = Field(2, ge=1, le=32)
    """How many builds run at once."""
    timeout: Duration = Field(timedelta(hours=2), ge=timedelta(seconds=1), le=timedelta(days=7))
    """How long a build may take."""
    log_limit: Size = Field(16 << 20, ge=1 << 10, le=1 << 30)
    """How much of the output of a build is kept."""
    max_tree: Size = Field(2 << 30, ge=1 << 10)
    """How much a checkout may hold."""
    protocols: list[Protocol] = Field(["https", "ssh"], min_length=1, max_length=5)
    """How code may be fetched."""
    environment: dict[Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")], Text] = Field(
        default_factory=dict, max_length=200
    )
    """Variables for every step of a build; no place for secrets, since builds can print them."""

    @model_validator(mode="after")
    def _one_way(self) -> "LocalSettings":
        clash = self.model_fields_set & {"engine", "registry", "tls_verify", "authfile"}
        if self.command is not None and clash:
            given = ", ".join(f"`{name}`" for name in sorted(clash))
            raise wrong(
                "exclusive", f"`command` builds without an engine: remove {given}, or remove `command`"
            )
        if self.command is not None and not self.command[0]:
            raise wrong("command", "the first part of `command` is the program, it cannot be empty")
        return self


class Unfit(Exception):
    """A request that can never be built here; the text is for people."""


def make_order(request: BuildRequest, settings: LocalSettings) -> Order:
    """What the runner is to do. Raises Unfit."""
    _check(request)
    engine: str | None = None
    images: tuple[str, ...] = ()
    if settings.command is None:
        engine = find_engine(settings.engine)
        repository = qualified(request.image, settings.registry)
        images = tuple(f"{repository}:{tag}" for tag in request.tags)
    return Order(
        request=request,
        engine=engine,
        command=tuple(settings.command or ()),
        images=images,
        tls_verify=settings.tls_verify,
        authfile=settings.authfile,
        timeout=settings.timeout.total_seconds(),
        log_limit=settings.log_limit,
        max_tree=settings.max_tree,
        protocols=tuple(settings.protocols),
        environment=settings.environment,
        path=os.environ.get("PATH", os.defpath),
    )


def find_engine(setting: str) -> str:
    """The program that will build images. Raises Unfit where there is none."""
    wanted = ENGINES if setting == "auto" else (setting,)
    found = next((name for name in wanted if shutil.which(name)), None)
    if found is None:
        raise Unfit(f"no program to build images with is installed ({', '.join(wanted)}): install buildah")
    return found


def _check(request: BuildRequest) -> None:
    """Raises Unfit for values that no Git host and no rule would send."""
    singles = (
        ("build id", BUILD_ID, request.build_id),
        ("commit", _COMMIT, request.commit),
        ("ref", _REF, request.ref),
    )
    tags = tuple(("tag", _TAG, tag) for tag in request.tags)
    parameters = tuple(("parameter name", _VARIABLE, name) for name in request.parameters)
    for what, form, value in (*singles, *tags, *parameters):
        if not form.fullmatch(value):
            raise Unfit(f"{value!r} is not a valid {what}")
    if not 1 <= len(request.tags) <= _MAX_TAGS:
        raise Unfit(f"a build needs 1 to {_MAX_TAGS} tags")
    try:
        split_credentials(request.repo_url)
    except ValueError:
        raise Unfit("the clone URL cannot be read") from None
    if any("\0" in value for value in request.variables().values()):
        raise Unfit("a value of the build holds a NUL character")


def qualified(image: str, registry: str | None) -> str:
    """The image with its registry. Raises Unfit."""
    host, slash, _ = image.partition("/")
    named = slash and (host == "localhost" or "." in host or ":" in host)
    if not named and registry is None:
        raise Unfit(
            f"the image {image} names no registry: set `registry` on the builder, or name it in the rule"
        )
    full = image if named else f"{registry}/{image}"
    if not _IMAGE.fullmatch(full):
        raise Unfit(f"{full!r} is not a valid image name")
    return full
