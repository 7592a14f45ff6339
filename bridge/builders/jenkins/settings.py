"""Where Jenkins is, as whom we call it, and which job builds."""

from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from bridge.builders.settings import ServerSettings
from bridge.config.types import Secret, Shape, wrong


class JenkinsSettings(ServerSettings):
    """The user shows either an API token or the password; `job` is the full name of the job.

    `concurrency` is the number of calls at once. Only `proxy` is used, not the environment's proxy.
    """

    username: Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^:\x00-\x1f]+$")]
    """Who triggers the builds."""
    token: Secret | None = None
    """An API token of that user."""
    password: Secret | None = None
    """The password of that user, where there can be no API token: it needs a session with Jenkins."""
    job: Annotated[
        str,
        StringConstraints(max_length=500),
        Shape(
            r"^[^/{}\x00-\x1f]+(/[^/{}\x00-\x1f]+)*(/\{branch\})?$",
            "write its folders and its name, such as docker/build-image, without a slash at an end; braces "
            "stand only in {branch}, which is the whole last part: team/shop/{branch}",
        ),
    ]
    """The full name of the job with its folders, such as docker/build-image.

    At the end of it `{branch}` is the branch or tag that was pushed: a job of a multibranch project.
    """
    concurrency: Annotated[int, Field(ge=1, le=16)] = 4
    """How many calls run at once."""

    @model_validator(mode="after")
    def _one_secret(self) -> Self:
        if (self.token is None) == (self.password is None):
            raise wrong("login", "say how the user signs in, in one way: by `token`, or by `password`")
        return self

    @property
    def secret(self) -> Secret:
        """The API token, or the password."""
        secret = self.token or self.password
        assert secret is not None
        return secret
