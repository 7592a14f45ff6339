"""The keys of `bridge.yaml`, except those that the adapters define themselves."""

from datetime import timedelta
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from bridge.config.clone import CloneSettings
from bridge.config.forge_api import ForgeApiSettings
from bridge.config.forges import ForgeKind, forges_of
from bridge.config.networks import Networks, Proxies
from bridge.config.notices import Events, NoticeSetting
from bridge.config.people import People
from bridge.config.sign_in import SignInSettings
from bridge.config.store import StoreSettings
from bridge.config.tracing import TracingSettings
from bridge.config.types import (
    Duration,
    Frequency,
    Secret,
    SecretContext,
    Size,
    Strict,
    TimeZone,
    server_url,
    wrong,
)
from bridge.model.access import key_id
from bridge.model.missed import MissedPolicy
from bridge.runtime.rate import Rate

REJECTED_RATE: Final = Rate(600, 60.0)
"""Rejected requests of one client, unless the source says otherwise."""
SHORTEST_SECRET: Final = 16
"""Characters of a secret that nobody guesses, however often they may try."""
SHORTEST_KEY: Final = 32
"""Characters of a key that signs: a shorter one can be guessed from a token."""
_NAME_LETTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
_MAX_NAME: Final = 64


def _name(value: str) -> str:
    if not 0 < len(value) <= _MAX_NAME or not _NAME_LETTERS.issuperset(value) or not value[0].isalnum():
        problem = "a name has 1 to 64 letters, digits, '.', '_' or '-', and begins with a letter or digit"
        raise wrong("name", problem)
    return value


def _host(value: str) -> str:
    name, colon, port = value.rpartition(":")
    if colon and port.isdecimal() and ":" not in name:
        raise wrong("host", f"holds a port: write host: {name} and port: {port}")
    if "/" in value:
        raise wrong("host", "is a name or an address alone, such as 0.0.0.0: leave http:// and paths out")
    return value


def _public_url(value: str) -> str:
    return server_url(value, "public_url", "https://bridge.example.com")


def _username(value: str) -> str:
    if ":" in value or not value.isprintable():
        problem = "must not contain ':' or control characters: Basic authentication does not allow them"
        raise wrong("username", problem)
    return value


def _positive(value: timedelta) -> timedelta:
    if not value:
        raise wrong("duration", "must be longer than 0")
    return value


def _poll(value: timedelta) -> timedelta:
    if not timedelta(seconds=10) <= value <= timedelta(days=1):
        raise wrong("duration", "must be from 10s to 1d: each look asks the Git host for all refs")
    return value


def _signing_key(value: Secret, info: ValidationInfo) -> Secret:
    unread = isinstance(info.context, SecretContext) and info.context.unread
    if not unread and len(value.reveal()) < SHORTEST_KEY:
        raise wrong(
            "key", f"is shorter than {SHORTEST_KEY} characters: `openssl rand -hex 32` prints a good one"
        )
    return value


Name = Annotated[str, AfterValidator(_name)]
"""The name of a source, a builder or a channel; it is used in addresses and in rules."""
Text = Annotated[str, Field(min_length=1, max_length=255)]
Positive = Annotated[Duration, AfterValidator(_positive)]


class ServerSettings(Strict):
    """Where the daemon listens, and how much each client may use."""

    host: Annotated[Text, AfterValidator(_host)] = "127.0.0.1"
    """The address to listen on; 0.0.0.0 is every IPv4 address of the machine."""
    port: Annotated[int, Field(ge=0, le=65535)] = 8088
    """The TCP port; 0 takes any free port."""
    public_url: Annotated[str, AfterValidator(_public_url)] | None = None
    """The address at which browsers and Git hosts reach the daemon, without a path: links begin with it."""
    max_body: Annotated[Size, Field(ge=1024, le=1 << 30)] = 25 << 20
    """The largest body of a delivery, such as 25MiB."""
    trusted_proxies: Proxies = ()
    """Reverse proxies whose X-Forwarded-For is trusted: addresses, networks, or `unix` for a socket file."""
    sign_in: SignInSettings | None = None
    """A proxy that signs people in for the pages and the API; if left out, a token is the only way."""
    header_timeout: Positive = timedelta(seconds=10)
    """How long a client may take to send the headers of a request."""
    body_timeout: Positive = timedelta(seconds=15)
    """How long a client may take to send the body of a request."""
    max_connections: Annotated[int, Field(ge=1, le=100_000)] = 4000
    """How many connections may be open at once; a further one closes the one that has waited longest."""


class SourceSettings(Strict):
    """A Git host that sends deliveries to `/hooks/<name>`, from the allowed networks, with a known secret.

    Where the secret is the password of Basic authentication, `username` is the user; without it, any user may
    send the password. `rate` limits the verified deliveries: a delivery over the limit is answered 429, and
    is lost where the host does not send again. `refused_rate` limits the rejected requests of each address.
    """

    model_config = ConfigDict(
        json_schema_extra={"anyOf": [{"required": ["secrets"]}, {"required": ["poll"]}]}
    )

    kind: ForgeKind
    """The kind of Git host."""
    secrets: Annotated[tuple[Secret, ...], Field(strict=False, min_length=1, max_length=16)] = ()
    """The secrets, of which each proves a delivery: the old and the new one while a secret is replaced.
    With `poll` they may be left out: then there is no webhook."""
    username: Annotated[Text, AfterValidator(_username)] | None = None
    """The user name of Basic authentication; if left out, any user name is accepted."""
    allow: Networks = ()
    """The only addresses or networks that may send deliveries; if left out, every address may."""
    rate: Frequency | None = None
    """How many verified deliveries are accepted, such as 600/m; if left out, there is no limit."""
    refused_rate: Frequency = REJECTED_RATE
    """How many rejected requests each address may send, such as 60/m, before it is answered 429."""
    clone: CloneSettings | None = None
    """What builds on this machine fetch its private code with; looks for missed pushes use it, too."""
    missed: MissedPolicy = "tell"
    """What happens to pushes that no webhook reported: tell names them, build also builds the newest ones."""
    poll: Annotated[Positive, AfterValidator(_poll)] | None = None
    """How often to look for pushes at a host that cannot send webhooks, such as 1m; they are built."""
    api: ForgeApiSettings | None = None
    """What `buildbridge connect` makes webhooks at the host with, and failed ones are asked for again."""

    @field_validator("username")
    @classmethod
    def _has_a_use(cls, value: str | None, info: ValidationInfo) -> str | None:
        forges, kind = forges_of(info), info.data.get("kind", "")
        if value is not None and kind in forges and not forges[kind].sends_user_name:
            fitting = ", ".join(name for name, traits in forges.items() if traits.sends_user_name)
            raise wrong("username", f"is for {fitting} only: {kind} sends no user name, leave it out")
        return value

    @field_validator("clone")
    @classmethod
    def _opens(cls, value: CloneSettings | None, info: ValidationInfo) -> CloneSettings | None:
        return value and value.completed(info.data.get("kind", ""), forges_of(info))

    @field_validator("api")
    @classmethod
    def _is_known(cls, value: ForgeApiSettings | None, info: ValidationInfo) -> ForgeApiSettings | None:
        kind, forges = info.data.get("kind", ""), forges_of(info)
        return value and (value.completed(kind, forges) if kind in forges else value)

    @model_validator(mode="after")
    def _hears_of_pushes(self) -> Self:
        if not self.secrets and self.poll is None:
            problem = "is missing: write that of the webhook, or poll: 1m where the host cannot send webhooks"
            raise wrong("secrets", f"secrets {problem}")
        return self

    @property
    def credentials(self) -> list[bytes]:
        """What the forge verifies with: each secret, or `username:secret`."""
        user = f"{self.username}:" if self.username else ""
        return [f"{user}{secret.reveal()}".encode() for secret in self.secrets]


class Tagged(BaseModel):
    """A channel, of which only what rules need is read; the kind defines the other keys."""

    model_config = ConfigDict(
        extra="ignore", frozen=True, strict=True, hide_input_in_errors=True, defer_build=True
    )

    kind: str
    enabled_event_type_names: Events | None = None


class BuilderEntry(BaseModel):
    """A builder, of which only what it is is read: a kind, or another job on the server of a builder."""

    model_config = ConfigDict(
        extra="ignore", frozen=True, strict=True, hide_input_in_errors=True, defer_build=True
    )

    kind: str | None = None
    server: str | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if self.kind is None and self.server is None:
            raise wrong("builder", "give its kind, or with server the name of a builder on the same server")
        if self.kind is not None and self.server is not None:
            raise wrong("builder", "has the kind of its server: leave out kind or server")
        return self


Pool = Annotated[
    tuple[Annotated[str, Field(min_length=1, max_length=64)], ...],
    Field(strict=False, min_length=2, max_length=20),
]


class NoticesSettings(Strict):
    """Who receives notices of repositories whose rules have none, and notices about the daemon itself."""

    default: Annotated[tuple[NoticeSetting, ...], Field(strict=False, max_length=100)] = ()
    """The notices of repositories whose rules have none."""


class RetentionSettings(Strict):
    """How long finished deliveries and builds are kept."""

    deliveries: Positive = timedelta(days=30)
    """How long decided deliveries are kept, such as 30d."""
    builds: Positive = timedelta(days=365)
    """How long ended builds, their logs, notices and the audit trail are kept, such as 365d."""


class CodeArtsSettings(Strict):
    """How the API of CodeArts Build answers."""

    timezone: TimeZone = "Asia/Shanghai"
    """The time zone of its histories, and of the days in which its daily numbers count."""
    allow_private: bool = False
    """Whether its check of webhook addresses accepts plain http, numbers, and hosts in a private network."""


def _origin(value: str) -> str:
    try:
        parts = urlsplit(value)
        is_origin = parts.scheme in {"http", "https"} and bool(parts.hostname)
        written = f"{parts.scheme}://{parts.netloc}"
        usual = (parts.scheme, parts.port) in {("http", 80), ("https", 443)}
    except ValueError:
        is_origin, written, usual = False, "", False
    if not is_origin or usual or value != written.lower() or "@" in value:
        raise wrong(
            "origin",
            "must be an origin as browsers send it, in small letters, without a path and the usual port: "
            "https://ci.example.com",
        )
    return value


class CorsSettings(Strict):
    """Which web pages of other addresses may call the API in the browser of who looks at them.

    It is for the API only: no page may send deliveries. Pages have to send a token like every other client.
    """

    origins: Annotated[
        tuple[Annotated[str, Field(max_length=255), AfterValidator(_origin)], ...],
        Field(strict=False, max_length=100),
    ] = ()
    """The origins of these pages, such as https://ci.example.com; if left out, there are none."""


class ApiSettings(Strict):
    """Who may use the API: clients with a token; everyone may read the builds of public repositories."""

    tokens: Annotated[tuple[Secret, ...], Field(strict=False, max_length=100)] = ()
    """A client that sends one of them as `Authorization: Bearer` is an admin: it may do everything."""
    keys: Annotated[
        tuple[Annotated[Secret, AfterValidator(_signing_key)], ...], Field(strict=False, max_length=16)
    ] = ()
    """The keys of the tokens of `buildbridge token add`: the first one signs, and all of them verify.

    If left out, the daemon makes one, in the file `api.key` beside the store.
    """
    codearts: CodeArtsSettings = CodeArtsSettings()
    """The API of CodeArts Build, which Huawei's SDKs speak."""
    cors: CorsSettings = CorsSettings()
    """Which web pages of other addresses may call the API."""

    @property
    def key_ids(self) -> frozenset[str]:
        """What the keys are called."""
        return frozenset(key_id(key.reveal()) for key in self.keys)


class MetricsSettings(Strict):
    """Who may read the metrics at `/metrics`: without tokens only clients on this machine."""

    tokens: Annotated[tuple[Secret, ...], Field(strict=False, max_length=16)] = ()
    """Who sends one of them as `Authorization: Bearer` may read the metrics, from everywhere."""


class LogSettings(Strict):
    """How the daemon writes its log: `auto` is pretty on a terminal and JSON elsewhere."""

    format: Literal["auto", "json", "pretty"] = "auto"
    """The format of lines: pretty for people, json for programs, auto chooses by the output."""
    level: Literal["debug", "info", "warning", "error"] = "info"
    """The lowest level of lines that are written."""


class Settings(Strict):
    """The whole of `bridge.yaml`."""

    server: ServerSettings = ServerSettings()
    """Where the daemon listens, and how much each client may use."""
    store: StoreSettings = StoreSettings()
    """Where deliveries, builds and notices are kept."""
    rules: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=4096)], ...], Field(strict=False)
    ] = ("rules/",)
    """Files and folders with rules; relative paths start at the folder of bridge.yaml."""
    language: Literal["zh-CN", "en"] = "zh-CN"
    """The language of notices, and of commands where that of the terminal is neither English nor Chinese."""
    sources: Annotated[dict[Name, SourceSettings], Field(max_length=1000, default_factory=dict)]
    """The Git hosts, by name; NAME sends its deliveries to /hooks/NAME."""
    builders: Annotated[dict[Name, BuilderEntry], Field(max_length=1000, default_factory=dict)]
    """The builders, by name; the first one is the default."""
    channels: Annotated[dict[Name, Tagged], Field(max_length=1000, default_factory=dict)]
    """The channels that notices are sent to, by name."""
    pools: Annotated[dict[Name, Pool], Field(max_length=1000, default_factory=dict)]
    """Channels that share the notices of one group; what names a channel for notices may name a pool."""
    people: Annotated[People, Field(default_factory=dict)]
    """Whom to mention, by the e-mail address of their commits."""
    notices: NoticesSettings = NoticesSettings()
    """The notices of repositories whose rules have none."""
    retention: RetentionSettings = RetentionSettings()
    """How long finished deliveries and builds are kept."""
    api: ApiSettings = ApiSettings()
    """Who may use the API."""
    metrics: MetricsSettings = MetricsSettings()
    """Who may read the metrics."""
    log: LogSettings = LogSettings()
    """How the daemon writes its log."""
    tracing: TracingSettings | None = None
    """The collector that gets traces; if left out, there are none."""
