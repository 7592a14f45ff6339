"""Where GitHub is, as whom we call it, and which workflow builds."""

from datetime import timedelta
from typing import Annotated, Self

from pydantic import StringConstraints, model_validator

from bridge.builders.actions.settings import ActionsSettings
from bridge.builders.base import Number
from bridge.builders.settings import ServerUrl, ShortDuration
from bridge.config.types import Secret, wrong

AppId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.]{1,64}$")]

_APP = ("app_id", "installation_id", "private_key")


class GitHubActionsSettings(ActionsSettings):
    """Who calls is either `token`, or an app: `app_id`, `installation_id` and `private_key`."""

    url: ServerUrl = "https://api.github.com/"
    """The address of the API; that of an Enterprise Server ends in /api/v3."""
    token: Secret | None = None
    """A personal access token: classic with `repo`, or fine-grained with Actions: write, Contents: read."""
    app_id: AppId | Number | None = None
    """The id of a GitHub App, or its client id, in place of a token."""
    installation_id: Number | None = None
    """The installation of the app that may see the repository."""
    private_key: Secret | None = None
    """The private key of the app (PEM)."""
    event: Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[!-~]+$")] | None = None
    """The type of a `repository_dispatch` that starts the workflow of the default branch."""
    poll_interval: ShortDuration = timedelta(seconds=15)
    """How often running builds are polled."""

    @model_validator(mode="after")
    def _address_of_the_api(self) -> Self:
        if self.url.removesuffix("/").endswith("//github.com"):
            raise wrong("url", "the API of github.com is at https://api.github.com: remove `url`")
        return self

    @model_validator(mode="after")
    def _one_caller_one_way(self) -> Self:
        app = [name for name in _APP if getattr(self, name) is not None]
        if len(app) not in {0, len(_APP)} or bool(app) == (self.token is not None):
            raise wrong(
                "caller",
                "say who calls, in one way: `token`, or `app_id`, `installation_id` and `private_key`",
            )
        if self.event is not None and self.branch is not None:
            raise wrong("event", "`event` runs the workflow of the default branch: remove `branch`")
        return self
