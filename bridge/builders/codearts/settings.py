"""Where CodeArts Build is, as whom we call it, and which job builds."""

from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from bridge.builders.settings import ServerSettings, ServerUrl
from bridge.config.types import Secret, Shape, wrong

Id = Annotated[str, Shape(r"^[0-9A-Za-z]{32}$", "write the 32 letters and digits of the id")]
Word = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]+$")]
Key = Annotated[str, StringConstraints(pattern=r"^[^\s,]+$", max_length=128)]
ParameterName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_]{1,128}$")]

_BY_KEY = ("access_key", "secret_key")
_BY_PASSWORD = ("username", "password", "domain", "region")


class CodeArtsSettings(ServerSettings):
    """The job is `job_id`, or `job` in `project_id`.

    Who calls is either `access_key` with `secret_key`, or `username` with `password`, `domain` and `region`.
    """

    job_id: Id | None = None
    """The id of the job, as the address of its page shows it."""
    job: Word | None = None
    """The name of the job, in place of its id."""
    project_id: Id | None = None
    """The id of the CodeArts project that has the job of this name."""
    access_key: Key | None = None
    """The access key (AK) that signs requests."""
    secret_key: Secret | None = None
    """The secret key (SK) of that access key."""
    username: Word | None = None
    """The IAM user who gets a token."""
    password: Secret | None = None
    """The password of that user."""
    domain: Word | None = None
    """The name of the account that the user belongs to."""
    region: Word | None = None
    """The region, such as cn-north-4: its IAM project is what the token is for."""
    iam_url: ServerUrl | None = None
    """Where tokens are made, if not at the public address of the region."""
    names: Annotated[dict[ParameterName, ParameterName], Field(max_length=100)] = {}  # noqa: RUF012  # frozen
    """The job's own names for our parameters, such as TAGS: image_tag."""

    @model_validator(mode="after")
    def _one_job_one_caller(self) -> Self:
        if bool(self.job_id) == bool(self.job) or bool(self.job) != bool(self.project_id):
            raise wrong("job", "name the job once: by `job_id`, or by `job` with `project_id`")
        by_key = {name for name in _BY_KEY if getattr(self, name) is not None}
        by_password = {name for name in _BY_PASSWORD if getattr(self, name) is not None}
        if (by_key and by_password) or len(by_key) not in {0, 2} or len(by_password) not in {0, 4}:
            by_key = by_password = set()
        if not by_key | by_password:
            raise wrong(
                "caller",
                "say who calls, in one way: `access_key` and `secret_key`, or `username`, `password`, "
                "`domain` and `region`",
            )
        return self

    @property
    def iam(self) -> str:
        """The address of IAM."""
        return self.iam_url or f"https://iam.{self.region}.myhuaweicloud.com/"
