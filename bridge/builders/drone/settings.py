"""Where a Drone-style server is, which repository of it builds, and how builds begin."""

from typing import Literal, Self

from pydantic import model_validator

from bridge.builders.settings import RefName, RepositoryName, ServerSettings
from bridge.config.types import Secret, wrong

Api = Literal["drone", "woodpecker", "drone-0.5"]


class DroneSettings(ServerSettings):
    """A repository on a Drone-style server, whose pipeline builds."""

    token: Secret
    """The personal token of a user who may start builds of the repository."""
    repository: RepositoryName
    """The full name of the repository on that server, such as acme/shop."""
    api: Api | None = None
    """What the server is: Drone 1 or 2, Woodpecker 2 or 3, or Drone 0.5; if left out, it is asked once."""
    branch: RefName | None = None
    """The branch whose pipeline always runs, which has to fetch COMMIT by itself; else what was pushed."""
    mode: Literal["fork", "hook", "follow"] = "fork"
    """How builds of Drone 0.5 begin: an earlier one is repeated with our variables (fork); Drone gets the
    hook of the push from us (hook), or from the Git host, and its build is followed (follow)."""
    hook_token: Secret | None = None
    """For `mode: hook`: the `access_token` in the address of the hook that Drone has made at the Git host."""

    @model_validator(mode="after")
    def _modes_of_drone_0_5(self) -> Self:
        if self.mode != "fork" and self.api != "drone-0.5":
            raise wrong("mode", f"`mode: {self.mode}` is for Drone 0.5: add `api: drone-0.5`")
        if self.mode != "fork" and self.branch:
            raise wrong("branch", f"`branch` is for `mode: fork`; `mode: {self.mode}` builds what was pushed")
        if (self.mode == "hook") != (self.hook_token is not None):
            raise wrong("hook_token", "`hook_token` and `mode: hook` need each other")
        return self
