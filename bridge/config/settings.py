"""The shape of `bridge.yaml`, but for what the adapters define themselves."""

from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
)

from bridge.config.notices import NoticeSetting
from bridge.config.people import People
from bridge.config.types import Duration, Frequency, Secret, Size, Strict, wrong
from bridge.runtime.rate import Rate

REJECTED_RATE: Final = Rate(600, 60.0)
"""Rejected requests of one client, unless the source says otherwise."""
UNIX: Final = "unix"
"""A proxy that may write to the socket in the file system."""

FORGE_ALIASES: Final = {"OSChina": "Gitee", "GitCafe": "Coding"}
"""Names that hosts had before, and what they are called now."""

AZURE_DEVOPS: Final = "AzureDevOps"
"""The forge that sends user name and password, and whose repositories may have spaces in their names."""

_NAME_LETTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
_MAX_NAME: Final = 64
_MAPPED_BITS: Final = 96


def _name(value: str) -> str:
    if not 0 < len(value) <= _MAX_NAME or not _NAME_LETTERS.issuperset(value) or not value[0].isalnum():
        problem = "a name has 1 to 64 letters, digits, '.', '_' or '-', and begins with a letter or digit"
        raise wrong("name", problem)
    return value


def _network(value: object) -> IPv4Network | IPv6Network:
    if isinstance(value, IPv4Network | IPv6Network):
        return value
    try:
        network = ip_network(value if isinstance(value, str) else "")
    except ValueError:
        problem = "is no address or network, such as 192.0.2.7 or 192.0.2.0/24 (no host bits set)"
        raise wrong("network", problem) from None
    mapped = network.network_address.ipv4_mapped if isinstance(network, IPv6Network) else None
    # Senders are compared by what they are, not by how IPv6 writes an IPv4 address.
    return ip_network((mapped, network.prefixlen - _MAPPED_BITS)) if mapped else network


def _proxy(value: object) -> IPv4Network | IPv6Network | str:
    return UNIX if value == UNIX else _network(value)


def _public_url(value: str) -> str:
    try:
        parts = urlsplit(value)
        parts.port  # noqa: B018  # reading it checks it
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise wrong("public_url", "must be an address such as https://bridge.example.com")
    if parts.username or parts.password:
        raise wrong("public_url", "must not hold a user or a password: everybody sees it")
    return value.rstrip("/")


def _username(value: str) -> str:
    if ":" in value or not value.isprintable():
        raise wrong("username", "must be without ':' and control characters: Basic authentication has none")
    return value


def _positive(value: timedelta) -> timedelta:
    if not value:
        raise wrong("duration", "must be longer than nothing")
    return value


def _store_url(value: str) -> str:
    scheme, _, path = value.partition("://")
    if scheme.split("+")[0] in {"postgresql", "postgres"}:
        raise wrong(
            "store", "PostgreSQL is not yet in this release: use sqlite:///var/lib/buildbridge/bridge.db"
        )
    if scheme != "sqlite" or not path.startswith("/") or path.endswith("/") or {"?", "#"} & set(path):
        raise wrong(
            "store", "must be sqlite:// and the path of a file: sqlite:///var/lib/buildbridge/bridge.db"
        )
    return value


Name = Annotated[str, AfterValidator(_name)]
"""What a source, a builder or a channel is called; part of addresses and of rules."""
Network = Annotated[IPv4Network | IPv6Network, BeforeValidator(_network, json_schema_input_type=str)]
"""An address or a network of addresses, in CIDR notation."""
ForgeKind = Annotated[str, AfterValidator(lambda kind: FORGE_ALIASES.get(kind, kind))]
"""A kind of Git host under its name of today."""
Text = Annotated[str, Field(min_length=1, max_length=255)]
Networks = Annotated[tuple[Network, ...], Field(strict=False, max_length=1000)]
Proxy = Annotated[
    IPv4Network | IPv6Network | Literal["unix"], BeforeValidator(_proxy, json_schema_input_type=str)
]
"""A network of proxies, or `unix`: whoever may write to the socket in the file system that systemd opened."""
Proxies = Annotated[tuple[Proxy, ...], Field(strict=False, max_length=1000)]
Positive = Annotated[Duration, AfterValidator(_positive)]


class Server(Strict):
    """Where we listen, and what a stranger may cost us."""

    host: Text = "127.0.0.1"
    """The address to listen on; 0.0.0.0 is every address of the machine."""
    port: Annotated[int, Field(ge=0, le=65535)] = 8088
    """The TCP port; 0 takes a free one."""
    public_url: Annotated[str, AfterValidator(_public_url)] | None = None
    """Where browsers and Git hosts reach us: what links in notices and in the API begin with."""
    max_body: Annotated[Size, Field(ge=1024, le=1 << 30)] = 25 << 20
    """The largest delivery that is taken, such as 25MiB."""
    trusted_proxies: Proxies = ()
    """Reverse proxies whose X-Forwarded-For is believed: addresses, networks, `unix` for a socket file."""
    header_timeout: Positive = timedelta(seconds=10)
    """How long the head of a request may take."""
    body_timeout: Positive = timedelta(seconds=15)
    """How long the body of a request may take."""
    max_connections: Annotated[int, Field(ge=1, le=100_000)] = 4000
    """How many connections may be open at once; further ones are closed."""


class Store(Strict):
    """Where everything is kept.

    What follows `sqlite://` is an absolute path; one that begins with `/./` or `/../` counts from the folder
    of `bridge.yaml`.
    """

    url: Annotated[str, AfterValidator(_store_url)] = "sqlite:///var/lib/buildbridge/bridge.db"
    """sqlite:// and the absolute path of the database file."""

    def path(self, base: Path) -> Path:
        """The database file; `base` is the folder of `bridge.yaml`."""
        path = self.url.removeprefix("sqlite://")
        return base / path[1:] if path.startswith(("/./", "/../")) else Path(path)


class Source(Strict):
    """Who may call us at `/hooks/<name>`: any of the secrets proves it, from one of the networks.

    Where a secret is the password of Basic authentication, `username` may say whose; else it is anybody's.
    `rate` bounds the verified deliveries: what is over it is answered 429, which a host that does not send
    again loses. `refused_rate` bounds what each address may send in vain.
    """

    kind: ForgeKind
    """The kind of Git host."""
    secrets: Annotated[tuple[Secret, ...], Field(strict=False, min_length=1, max_length=16)]
    """What proves who calls: any of them, so that a new one can stand beside the old one for a while."""
    username: Annotated[Text, AfterValidator(_username)] | None = None
    """The user of the Basic authentication; left out, any user will do."""
    allow: Networks = ()
    """Addresses or networks that may call; nobody else then. Left out, all may."""
    rate: Frequency | None = None
    """How many verified deliveries are taken, such as 600/m; left out, all are."""
    refused_rate: Frequency = REJECTED_RATE
    """How many requests each address may send in vain, such as 60/m."""

    @field_validator("username")
    @classmethod
    def _has_a_use(cls, value: str | None, info: ValidationInfo) -> str | None:
        kind = info.data.get("kind", AZURE_DEVOPS)
        if value is not None and kind != AZURE_DEVOPS:
            raise wrong("username", f"is for {AZURE_DEVOPS} only: {kind} sends no user name, leave it out")
        return value

    @property
    def credentials(self) -> list[bytes]:
        """What the forge verifies with: each secret, or `username:secret`."""
        user = f"{self.username}:" if self.username else ""
        return [f"{user}{secret.reveal()}".encode() for secret in self.secrets]


class Tagged(BaseModel):
    """A builder or a channel before its kind says what else belongs to it."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True, hide_input_in_errors=True)

    kind: str


class Notices(Strict):
    """Who is told about repositories whose rules say nothing about notices, and about the bridge itself."""

    default: Annotated[tuple[NoticeSetting, ...], Field(strict=False, max_length=100)] = ()
    """Who is told of repositories whose rules have no notices."""


class Retention(Strict):
    """How long finished things are kept."""

    deliveries: Positive = timedelta(days=30)
    """How long judged deliveries are kept, such as 30d."""
    builds: Positive = timedelta(days=365)
    """How long ended builds, their logs and notices are kept, such as 365d."""


class Api(Strict):
    """Who may use the API: holders of one of the tokens; builds of public repositories are for everybody."""

    tokens: Annotated[tuple[Secret, ...], Field(strict=False, max_length=100)] = ()
    """Whoever sends one of them as `Authorization: Bearer` may read everything."""


class Log(Strict):
    """`auto` is pretty on a terminal and JSON elsewhere."""

    format: Literal["auto", "json", "pretty"] = "auto"
    """How lines are written: pretty for people, JSON for programs, auto by what reads them."""
    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least important lines that are written."""


class Settings(Strict):
    """The whole of `bridge.yaml`."""

    server: Server = Server()
    """Where we listen, and what a stranger may cost us."""
    store: Store = Store()
    """Where everything is kept."""
    rules: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=4096)], ...], Field(strict=False)
    ] = ("rules/",)
    """Files and folders with rules; relative ones count from the folder of bridge.yaml."""
    language: Literal["zh-CN", "en"] = "zh-CN"
    """The language of notices."""
    sources: Annotated[dict[Name, Source], Field(max_length=1000, default_factory=dict)]
    """Who may call us: NAME is called at /hooks/NAME."""
    builders: Annotated[dict[Name, Tagged], Field(max_length=1000, default_factory=dict)]
    """What builds, by name; the first one is the default."""
    channels: Annotated[dict[Name, Tagged], Field(max_length=1000, default_factory=dict)]
    """Where notices go, by name."""
    people: Annotated[People, Field(default_factory=dict)]
    """Whom to mention, by the e-mail address of their commits."""
    notices: Notices = Notices()
    """Who is told when a rule does not say."""
    retention: Retention = Retention()
    """How long finished things are kept."""
    api: Api = Api()
    """Who may use the API."""
    log: Log = Log()
    """How the daemon writes its log."""
