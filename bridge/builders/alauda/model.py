"""What Alauda answers, as far as we read it, and what its letters mean. Pure."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Annotated, ClassVar, Final

from pydantic import StringConstraints, TypeAdapter

from bridge.builders.base import Sent, Status
from bridge.builders.handles import HandleDocument
from bridge.builders.server import Document
from bridge.builders.settings import RepositoryName
from bridge.model.build import BuildRequest, BuildState

BuildId = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z_-]{1,100}$")]
"""What a build is called; safe in a path and as the name of a file."""
Shown = Annotated[str, StringConstraints(max_length=500)]
_MAX_LETTER: Final = 64


class AlaudaBuild(Document):
    """A build, in a list or by itself; the times are ISO 8601."""

    build_id: BuildId
    status: str
    created_at: str | None = None
    started_at: str | None = None
    ended_at: str | None = None
    code_head_commit: Shown | None = None
    code_repo_type: Shown | None = None
    code_repo_type_value: Shown | None = None
    docker_repo_path: Shown | None = None
    docker_repo_tag: Shown | None = None
    docker_repo_version_tag: Shown | None = None

    @property
    def ended(self) -> bool:
        return self.status in _ENDS

    @property
    def images(self) -> Iterator[str]:
        """The images that it makes, as far as it says."""
        for tag in (self.docker_repo_tag, self.docker_repo_version_tag):
            if self.docker_repo_path and tag:
                yield f"{self.docker_repo_path}:{tag}"


class AlaudaPage(Document):
    """A page of builds, the newest first; `next` is the address of the page after it."""

    next: str | None = None
    results: list[AlaudaBuild]


class _TagConfig(Document):
    docker_repo_tag: Shown


class _BuildConfig(Document):
    tag_configs: list[_TagConfig] | None = None


class AlaudaRepository(Document):
    """A build repository, and what it can build."""

    build_config: _BuildConfig | None

    @property
    def tags(self) -> list[str]:
        """The tags that an order to build can name."""
        configs = self.build_config.tag_configs if self.build_config else None
        return [config.docker_repo_tag for config in configs or ()]


class AlaudaRow(Document):
    """A line of a log; `time` is in Unix seconds."""

    message: str | None = None
    time: float | None = None


BUILD: Final = TypeAdapter(AlaudaBuild)
PAGE: Final = TypeAdapter(AlaudaPage)
REPOSITORY: Final = TypeAdapter(AlaudaRepository)
ROWS: Final = TypeAdapter(list[AlaudaRow])


class AlaudaRef(HandleDocument):
    """What identifies a build; the handle is this as JSON."""

    builder: ClassVar[str] = "an Alauda builder"

    repository: RepositoryName
    id: BuildId


_ENDS: Final[Mapping[str, BuildState]] = {
    "S": BuildState.SUCCEEDED,
    "F": BuildState.FAILED,
    "D": BuildState.UNKNOWN,
}
_OPEN: Final[Mapping[str, BuildState]] = {"W": BuildState.QUEUED, "I": BuildState.RUNNING}
_DELETED: Final = "deleted at Alauda, which no longer shows how it ended"


def status_of(build: AlaudaBuild, *, asked: bool) -> Status:
    """The state of a build; `asked` says that we asked for its end, so that it did not fail or vanish."""
    letter = build.status
    state = _ENDS.get(letter) or _OPEN.get(letter, BuildState.RUNNING)
    if asked and state in {BuildState.FAILED, BuildState.UNKNOWN}:
        state = BuildState.CANCELLED
    started, ended = unix(build.started_at), unix(build.ended_at)
    if started and ended:
        ended = max(started, ended)
    return Status(
        state=state,
        raw=letter[:_MAX_LETTER],
        detail=_DELETED if state is BuildState.UNKNOWN else "",
        recognised=letter in _ENDS or letter in _OPEN,
        started_at=started,
        ended_at=ended if state.terminal else None,
    )


def sent(ref: AlaudaRef, build: AlaudaBuild, request: BuildRequest) -> Sent:
    """What there is to say of a build that was made: Alauda decides what it builds, and names the images."""
    made = sorted(build.images)
    missing = sorted(set(_images(request, build)) - set(made)) if made else []
    notes = []
    if missing:
        notes.append(f"Alauda makes {', '.join(made)}, and not {', '.join(missing)}")
    if request.parameters:
        notes.append(f"Alauda takes no parameters: the build does not get {', '.join(request.parameters)}")
    wrong = request.commit and build.code_head_commit not in {None, "", request.commit}
    kind = "tag" if request.tag else "branch"
    ours, theirs = (kind, request.tag or request.branch), (build.code_repo_type, build.code_repo_type_value)
    if wrong:
        notes.append(f"Alauda builds {(build.code_head_commit or '')[:12]} in place of {request.commit[:12]}")
    elif not request.commit and None not in theirs and ours != theirs:
        notes.append(f"Alauda builds the {theirs[0]} {theirs[1]} in place of {request.ref}")
    detail = f"it makes {', '.join(made)}" if made else ""
    return Sent(ref.handle, detail, "; ".join(notes), images_passed=not missing)


def _images(request: BuildRequest, build: AlaudaBuild) -> Iterator[str]:
    """The images of the request; without the registry where it is the repository that Alauda names."""
    path = build.docker_repo_path or ""
    image = path if request.image.endswith(f"/{path}") else request.image
    yield from (f"{image}:{tag}" for tag in request.tags)


def unix(moment: str | None) -> float | None:
    """A time of a document; None for what is none."""
    try:
        read = datetime.fromisoformat(moment or "")
    except ValueError:
        return None
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()
