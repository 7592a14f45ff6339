"""The settings that all build servers have."""

from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from bridge.config.types import ConfigPath, Duration, Secret, Shape, Strict, server_url


def _server_url(value: str) -> str:
    return server_url(value, "url", "https://ci.example.com") + "/"


ServerUrl = Annotated[str, StringConstraints(max_length=1000), AfterValidator(_server_url)]
# At least one character of each part is no dot: `..` would lead out of the path.
RepositoryName = Annotated[
    str,
    StringConstraints(max_length=500),
    Shape(
        r"^[^/\x00-\x20]*[^/.\x00-\x20][^/\x00-\x20]*(/[^/\x00-\x20]*[^/.\x00-\x20][^/\x00-\x20]*)+$",
        "write its full name, such as acme/shop, without an address before it and a slash at an end",
    ),
]
"""The full name of a repository or project on a server, such as acme/shop."""
RefName = Annotated[str, StringConstraints(min_length=1, max_length=250, pattern=r"^[^\x00-\x20]+$")]
"""The short name of a branch or tag, such as master."""
ShortDuration = Annotated[Duration, Field(ge=timedelta(seconds=1), le=timedelta(minutes=10))]


class ServerSettings(Strict):
    """How to reach a build server. Only `proxy` is used, not the environment's proxy."""

    url: ServerUrl
    """The address of the server, with its path."""
    timeout: ShortDuration = timedelta(seconds=15)
    """How long one call may take."""
    ca_file: ConfigPath | None = None
    """Authorities to trust instead of the public ones (a PEM file)."""
    proxy: ServerUrl | None = None
    """The HTTP proxy to go through."""
    poll_interval: ShortDuration = timedelta(seconds=5)
    """How often running builds are polled; young ones, and those about to end, more often."""
    wake_secrets: Annotated[tuple[Secret, ...], Field(strict=False, max_length=16)] = ()
    """Secrets with which the server may say by POST /wake/NAME that a build has changed; polls go on."""

    @property
    def settle_seconds(self) -> float:
        """Seconds after which a request that we gave up was carried out, or never will be.

        Servers and the proxies before them go on with one for up to a minute, however short `timeout` is.
        """
        return max(60.0, 4 * self.timeout.total_seconds())
