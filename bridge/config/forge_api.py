"""`api` of a source: where the host's API is, and what may make webhooks there."""

from collections.abc import Mapping
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from bridge.config.forges import USUAL, ForgeTraits
from bridge.config.types import ConfigPath, Secret, Strict, server_url, wrong


def _address(value: str) -> str:
    return server_url(value, "api_url", "https://git.example.com")


def _token(value: Secret) -> Secret:
    if not value.reveal().isprintable() or not value.reveal().isascii():
        raise wrong("token", "must be one line without control characters: copy it anew")
    return value


def _user(value: str) -> str:
    if ":" in value or not value.isprintable():
        raise wrong(
            "username", "must not contain ':' or control characters: Basic authentication does not allow them"
        )
    return value


class ForgeApiSettings(Strict):
    """The API of the Git host, with which `buildbridge connect` makes and repairs webhooks.

    Token and secret go there by https; by plain http only to a private address that is allowed.
    """

    url: Annotated[str, Field(max_length=500), AfterValidator(_address)] | None = None
    """The address of the host or of its API; if left out, that of the host which everyone uses, where the
    kind has one."""
    token: Annotated[Secret, AfterValidator(_token)]
    """A token that may manage the webhooks of the repositories."""
    username: Annotated[str, Field(min_length=1, max_length=255), AfterValidator(_user)] | None = None
    """The user or mail address that goes with an API token of Bitbucket; other tokens stand alone."""
    allow_private: bool = False
    """Whether the address may be a private one or be called without TLS."""
    ca_file: ConfigPath | None = None
    """Authorities to trust instead of the public ones (a PEM file)."""
    proxy: Secret | None = None
    """The HTTP proxy to go through."""

    @model_validator(mode="after")
    def _by_tls(self) -> "ForgeApiSettings":
        if self.url is not None and self.url.startswith("http:"):
            if not self.allow_private:
                raise wrong("url", "the URL has to start with https://; plain http needs allow_private: true")
            if self.proxy is not None:
                raise wrong("url", "the URL has to start with https:// where a proxy is between")
        return self

    def completed(self, kind: str, forges: Mapping[str, ForgeTraits]) -> "ForgeApiSettings":
        """With the address of the API itself. Raises PydanticCustomError where there is none."""
        api = forges.get(kind, USUAL).api
        if api is None:
            able = ", ".join(name for name, traits in forges.items() if traits.api)
            raise wrong("api", f"is for {able}: at {kind} webhooks are made by hand, leave it out")
        if self.username is not None and not api.takes_username:
            raise wrong("username", f"{kind} takes no username: leave it out")
        if self.url is None and api.public is None:
            raise wrong("api", f"url is missing: the address of your {kind}, such as https://git.example.com")
        return self.model_copy(update={"url": api.base(self.url)})

    @property
    def host(self) -> str:
        """The name of the host, as the address has it."""
        return urlsplit(self.url or "").hostname or ""
