"""Where Jenkins is, as whom we call it, and which job builds."""

from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from bridge.builders.jenkins.items import BRANCH
from bridge.builders.settings import ServerSettings
from bridge.config.types import Secret, Shape, wrong

CredentialsId = Annotated[
    str,
    StringConstraints(max_length=200),
    Shape(
        r"^[A-Za-z0-9_.-]+$", "write the id that credentials have in Jenkins, such as git-bot, and no secret"
    ),
]
"""The id of a user name with its password, in a folder of the job or in Jenkins itself."""


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
    git_credentials: CredentialsId | None = None
    """With which the job that `builders setup` creates clones over HTTP: an id in Jenkins, no secret."""
    registry_credentials: CredentialsId | None = None
    """With which that job signs in to the registry of the image: an id in Jenkins, no secret."""
    concurrency: Annotated[int, Field(ge=1, le=16)] = 4
    """How many calls run at once."""

    @model_validator(mode="after")
    def _one_secret(self) -> Self:
        if (self.token is None) == (self.password is None):
            raise wrong("login", "say how the user signs in, in one way: by `token`, or by `password`")
        return self

    @model_validator(mode="after")
    def _created_job(self) -> Self:
        if self.credentials and self.job.endswith(BRANCH):
            names = " and ".join(f"`{name}`" for name in self.credentials)
            raise wrong(
                "credentials",
                f"remove {names}, or write null where it comes from another builder: with {BRANCH}, the "
                "Jenkinsfile says which credentials it uses",
            )
        return self

    @property
    def credentials(self) -> dict[str, str]:
        """The ids of credentials of the job, by setting."""
        given = {"git_credentials": self.git_credentials, "registry_credentials": self.registry_credentials}
        return {setting: name for setting, name in given.items() if name is not None}

    @property
    def secret(self) -> Secret:
        """The API token, or the password."""
        secret = self.token or self.password
        assert secret is not None
        return secret
