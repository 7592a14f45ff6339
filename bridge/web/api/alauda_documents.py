"""The documents of Alauda's builds API: parts of ours, under the same names."""

import re
from collections.abc import Mapping
from typing import Any, Final, Literal, cast

from typing_extensions import TypedDict

from bridge.model.build import Build, Letter
from bridge.model.event import RefKind
from bridge.web.api.core.logs import LogLine
from bridge.web.api.documents import build_document

Level = Literal["INFO", "WARNING", "ERROR"]

_LEVELS: Final[Mapping[str, Level]] = {
    "error": "ERROR",
    "fatal": "ERROR",
    "warning": "WARNING",
    "warn": "WARNING",
}
# At the beginning of a line, behind a time or nothing: `ERROR`, `[error]` or `error:`.
_SAID: Final = re.compile(
    r"[\s\d:.,TZ+/-]*(?:(ERROR|FATAL|WARNING|WARN)\b|(?i:\[?(error|fatal|warning|warn)[]:]))", re.ASCII
)


class _Code(TypedDict):
    build_id: str
    created_at: str
    started_at: str | None
    ended_at: str | None
    code_head_commit: str | None
    code_repo_client: str | None
    code_repo_path: str | None
    code_repo_type: RefKind
    code_repo_type_value: str
    created_by: str | None


class _Detail(TypedDict):
    detail: str
    """Why the build is as it is, in words."""


class _Image(TypedDict):
    image_id: str | None
    """The digest of the image, shortened as `docker images` shows it."""
    docker_repo_path: str
    docker_repo_tag: str | None
    docker_repo_version_tag: str | None
    dockerfile_location: str
    status: Letter
    """W waits, I runs, S succeeded, F ended otherwise."""
    auto_created: bool


class _Step(TypedDict):
    step_at: int
    """How far it is, from 1 for one that waits to 50 for one that has ended."""
    build_node: str | None
    build_context_path: str


class _Pages(TypedDict):
    code_repo_http_url: str | None
    code_commit_http_url: str | None
    code_repo_branch_url: str | None
    """The page of the branch or tag."""


class _Removable(TypedDict):
    is_removable: bool
    """Whether it has not ended."""


class AlaudaBuildRow(_Code, _Detail, _Image, _Pages):
    """A build in a list; times are ISO 8601 in UTC, and what is not known is null."""


class AlaudaBuild(_Code, _Image, _Step, _Pages, _Removable):
    """A build; times are ISO 8601 in UTC, and what is not known is null."""


class AlaudaLogRow(TypedDict):
    """A line of a log."""

    message: str
    level: Level
    """The level that the line claims; INFO where it claims none."""
    time: int
    """When the line was read, in Unix seconds."""


def alauda_row(build: Build) -> AlaudaBuildRow:
    ours: Mapping[str, Any] = build_document(build)
    return cast("AlaudaBuildRow", {key: ours[key] for key in AlaudaBuildRow.__annotations__})


def alauda_build(build: Build) -> AlaudaBuild:
    ours: Mapping[str, Any] = build_document(build)
    return cast("AlaudaBuild", {key: ours[key] for key in AlaudaBuild.__annotations__})


def alauda_log_row(line: LogLine) -> AlaudaLogRow:
    return {"message": line.text, "level": level_of(line.text), "time": int(line.at)}


def level_of(line: str) -> Level:
    """The level that a line claims for itself; INFO where it claims none."""
    found = _SAID.match(line)
    return "INFO" if found is None else _LEVELS[(found[1] or found[2]).lower()]
