"""The section `store` of the configuration."""

import re
from pathlib import Path
from typing import Annotated, Final, TypeVar
from urllib.parse import SplitResult, parse_qsl, quote, unquote_plus, urlsplit

from pydantic import AfterValidator, Field, ValidationInfo

from bridge.config.types import ConfigPath, Secret, Size, Strict, wrong
from bridge.model.build import LOG_LIMIT

SQLITE: Final = "sqlite://"
POSTGRES: Final = "postgresql://"
_TAKEN: Final = "has {}, which the daemon sets itself: leave it out"
T = TypeVar("T")

_FOLDER: Final = Path("/var/lib/buildbridge")
_SERVER: Final = re.compile(r"[^/?#\s]+", re.ASCII)
_DATABASE: Final = re.compile(r"/[^/?#\s]+", re.ASCII)
PASSWORD: Final = "password"  # noqa: S105  # the name of a parameter
_SECRETS: Final = frozenset(
    {PASSWORD, "sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key"}
)
"""The parameters of libpq that others must not read."""
_PARAMETERS: Final = (
    "target_session_attrs", "client_encoding", "connect_timeout", "tcp_user_timeout",
    "keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count",
)  # fmt: skip
"""What `bridge.store.postgres.engine` gives to libpq, or leaves at its default, whatever the URL says."""
_SETTINGS: Final = (
    "statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "tcp_user_timeout",
    "tcp_keepalives", "default_transaction_read_only", "synchronous_commit", "plan_cache_mode",
    "client_encoding",
)  # fmt: skip
"""What it sets in each session."""


def _url(value: str) -> str:
    if value.startswith(POSTGRES):
        return _database(value)
    path = value.removeprefix(SQLITE)
    is_file = value.startswith(SQLITE) and path.startswith("/") and not path.endswith("/")
    if not is_file or {"?", "#"} & set(path):
        raise wrong(
            "store",
            "must be sqlite:// and the path of a file: sqlite:///var/lib/buildbridge/bridge.db, or the "
            "address of a PostgreSQL database: postgresql://buildbridge@db.example.com/buildbridge",
        )
    return value


def secrets_in(url: str) -> frozenset[str]:
    """Which of libpq's secret parameters stand in a URL; none in what is no URL.

    Source: PostgreSQL documentation, "Parameter Key Words"
    (https://www.postgresql.org/docs/18/libpq-connect.html#LIBPQ-PARAMKEYWORDS).
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return frozenset()
    given = {name.strip().lower() for name, _ in _parameters(parts)}
    return _SECRETS & given | ({PASSWORD} if parts.password is not None else set())


def _database(value: str) -> str:
    secrets = secrets_in(value)
    if PASSWORD in secrets:
        raise wrong("store", "has a password: write that as store.password, such as {env: NAME}")
    if secrets:
        raise wrong(
            "store",
            f"has {min(secrets)}, which others could read: write that into ~/.pg_service.conf, and name its "
            "section with ?service=NAME",
        )
    try:
        parts = urlsplit(value)
        _port = parts.port
    except ValueError:
        parts = urlsplit("")
    if not (_SERVER.fullmatch(parts.netloc) and _DATABASE.fullmatch(parts.path)) or parts.fragment:
        raise wrong(
            "store",
            "is no address of a PostgreSQL database: write postgresql://buildbridge@db.example.com/buildbridge",
        )
    # An option may be written with either sign: `--lock-timeout=0` is `-c lock_timeout=0`.
    options = " ".join(value for name, value in _parameters(parts) if name == "options").replace("-", "_")
    if taken := [name for name in _SETTINGS if name in options]:
        raise wrong("store", _TAKEN.format(taken[0]))
    return value


def _parameters(parts: SplitResult) -> list[tuple[str, str]]:
    return parse_qsl(parts.query, keep_blank_values=True)


def _is_taken(parameter: str) -> bool:
    return unquote_plus(parameter.partition("=")[0]) in _PARAMETERS


def _of_server(value: T, info: ValidationInfo) -> T:
    """What only the database of a server has."""
    if value is not None and info.data.get("url", POSTGRES).startswith(SQLITE):
        raise wrong("store", "is for a PostgreSQL database, and url is a file: leave it out")
    return value


def _password(value: Secret | None, info: ValidationInfo) -> Secret | None:
    if _of_server(value, info) is not None and "@" not in info.data.get("url", "@"):
        raise wrong("store", "is of a user, whom url does not name: write postgresql://USER@…")
    return value


class StoreSettings(Strict):
    """Where deliveries, builds and notices are kept: a file, or a PostgreSQL database.

    After `sqlite://` stands an absolute path; one that begins with `/./` or `/../` is relative to the folder
    of `bridge.yaml`. After `postgresql://` stand user, server and database, with libpq's parameters behind a
    question mark: `postgresql://buildbridge@db.example.com/buildbridge?sslmode=verify-full`.
    """

    url: Annotated[str, AfterValidator(_url)] = "sqlite:///var/lib/buildbridge/bridge.db"
    """sqlite:// and the absolute path of the database file, or postgresql:// and a database of a server."""
    log_limit: Annotated[Size, Field(ge=1 << 20, le=64 << 20)] = LOG_LIMIT
    """How much is kept of the log of a build, such as 8MiB: its beginning and its end."""
    min_free: Size = 512 << 20
    """How much room the disk of the store needs for a build to start; 0B: no matter how little."""
    password: Annotated[Secret | None, AfterValidator(_password)] = None
    """The password of the user of a PostgreSQL database; if left out, libpq looks in ~/.pgpass."""
    folder: Annotated[ConfigPath | None, AfterValidator(_of_server)] = None
    """What this machine keeps beside a PostgreSQL database: local builds and the API's key.
    If left out, it is /var/lib/buildbridge; beside SQLite it is the folder of the database file."""

    @property
    def is_file(self) -> bool:
        """Whether it is a file of this machine, not the database of a server."""
        return self.url.startswith(SQLITE)

    def path(self, base: Path) -> Path:
        """The database file; `base` is the folder of `bridge.yaml`."""
        path = self.url.removeprefix(SQLITE)
        return base / path[1:] if path.startswith(("/./", "/../")) else Path(path)

    @property
    def home(self) -> Path:
        """The folder of what this machine keeps beside the database of a server."""
        return self.folder or _FOLDER

    @property
    def problem(self) -> str | None:
        """A warning of what stands in `url` without effect."""
        given = (name for name, _ in _parameters(urlsplit(self.url)))
        taken = next((name for name in given if name in _PARAMETERS), None)
        return None if taken is None else _TAKEN.format(taken)

    @property
    def address(self) -> str:
        """The address of the database of a server, with the password: it is not to be shown.

        It is without the parameters that the daemon sets itself.
        """
        server, _, parameters = self.url.partition("?")
        kept = "&".join(one for one in parameters.split("&") if not _is_taken(one))
        url = f"{server}?{kept}" if kept else server
        if self.password is None:
            return url
        user, _, rest = url.removeprefix(POSTGRES).partition("@")
        return f"{POSTGRES}{user}:{quote(self.password.reveal(), safe='')}@{rest}"
