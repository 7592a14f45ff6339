"""Where GitLab is, with which tokens we call it, and which project's pipelines build."""

from typing import Annotated, Any, Final, Self

from pydantic import Field, StringConstraints, model_validator

from bridge.builders.base import Number
from bridge.builders.settings import RefName, RepositoryName, ServerSettings
from bridge.config.types import Secret, wrong

Project = RepositoryName | Number
VariableName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_]{1,128}$")]
InputName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,128}$")]

_API: Final = ("/api/v4/", "/api/")


class GitLabSettings(ServerSettings):
    """A project on GitLab, whose pipelines build."""

    token: Secret
    """A personal, project or group access token with the scope api; read_api beside `trigger_token`."""
    trigger_token: Secret | None = None
    """A pipeline trigger token, which starts pipelines. It cannot read them: `token` does."""
    project: Project
    """The project: its full path, such as acme/tools/shop, or its number."""
    ref: RefName | None = None
    """The branch or tag whose pipeline always runs, and fetches COMMIT by itself; else what was pushed."""
    inputs: Annotated[dict[VariableName, InputName], Field(max_length=100)] = {}  # noqa: RUF012  # frozen
    """The inputs of the pipeline that take our parameters, in place of variables, such as IMAGE: image."""

    @model_validator(mode="before")
    @classmethod
    def _a_token_that_reads(cls, given: Any) -> Any:
        if isinstance(given, dict) and "trigger_token" in given and "token" not in given:
            raise wrong(
                "token",
                "a trigger token cannot read pipelines: add `token`, an access token with the scope read_api",
            )
        return given

    @model_validator(mode="after")
    def _address(self) -> Self:
        if self.url.endswith(_API):
            raise wrong("url", "write the address of GitLab without /api/v4")
        return self
