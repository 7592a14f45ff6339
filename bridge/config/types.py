"""The types of settings: strict models, secrets, durations, sizes, rates, paths."""

import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_args
from urllib.parse import parse_qsl, unquote, urlsplit
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ValidationInfo,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from bridge.config.forges import ForgeContext
from bridge.runtime.disk import file_state
from bridge.runtime.rate import Rate

MAX_SECRET_BYTES: Final = 64 * 1024
_SHORTEST_KEY: Final = 16
"""Shorter parts of an address can be words."""
_Place = Literal["env", "file", "credential"]
_PLACES: Final[Mapping[str, str]] = {
    "env": "environment variable",
    "file": "secret file",
    "credential": "credential",
}
"""Where a secret can be stored outside the configuration, and what sentences call it."""


def wrong(kind: str, problem: str) -> PydanticCustomError:
    """A validation error with a sentence of our own."""
    return PydanticCustomError(kind, "{problem}", {"problem": problem})


def one_of(*words: object, meaning: str = "") -> BeforeValidator:
    """One of these words and of its type: True and 1.0 equal 1 in Python, but are mistakes here.

    `meaning` is what a fault says about them.
    """
    *others, last = (str(word).lower() for word in words)
    allowed = f"{', '.join(others)} or {last}"

    def check(value: object) -> object:
        if any(type(value) is type(word) and value == word for word in words):
            return value
        said = str(value).lower() if isinstance(value, bool) else value
        simple = isinstance(value, int | float | str)
        cure = f": {meaning}" if meaning else ""
        if isinstance(value, str) and value in map(str, words):
            cure = f": write {value} without quotes"
        raise wrong("word", f"{said} is not {allowed}{cure}" if simple else f"must be {allowed}{cure}")

    return BeforeValidator(check)


def server_url(value: str, kind: str, example: str) -> str:
    """The URL of an HTTP server, without the last slash. Raises PydanticCustomError for any other text."""
    try:
        parts = urlsplit(value)
        parts.port  # noqa: B018  # reading it checks it
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise wrong(kind, f"must be an address such as {example}")
    if parts.username or parts.password:
        raise wrong(kind, "must not contain a user or a password: everyone can see this address")
    return value.rstrip("/")


def _without_password(address: str) -> str:
    if "@" in address.partition("://")[2].partition("/")[0]:
        raise wrong("address", "must not contain a user or a password: everyone can see this address")
    return address


PublicAddress = Annotated[str, Field(max_length=500), AfterValidator(_without_password)]
"""The URL of a server without secrets in it."""


class Strict(BaseModel):
    """A part of the configuration: unknown keys are faults, and it is immutable."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, hide_input_in_errors=True, defer_build=True
    )

    @classmethod
    def longhand(cls, given: object) -> dict[str, object] | None:  # noqa: ARG003  # for those that know one
        """What a shorter form that people think of stands for; None for what is no such form."""
        return None


SECRET_OF_SERVICE: Final = "secret_of_service"  # noqa: S105  # a word, not a secret
"""The type of the error where a secret may be there, but not for who looks."""


@dataclass(slots=True)
class SecretContext(ForgeContext):
    """Where secrets are looked up while a configuration is validated, and the values that were found.

    It is pydantic's validation context. Relative paths of files start at `base`. With `unread`, secrets are
    not looked up and stay empty. `opened` are the files of secrets, as they were before they were read.
    """

    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    base: Path = field(default_factory=Path.cwd)
    found: set[str] = field(default_factory=set)
    opened: dict[Path, object] = field(default_factory=dict)
    unread: bool = False

    def resolve(self, source: str, name: str) -> str:
        """The secret's value. Raises PydanticCustomError with a sentence that says what to do."""
        match source:
            case "env":
                value = self.environ.get(name)
                if value is None:
                    without = re.sub(r"^\$\{?|\}$", "", name)
                    cure = "set it where this starts" if without == name else f"write {{env: {without}}}"
                    raise wrong("secret", f"the environment variable {name} is not set: {cure}")
            case "file":
                value = self._read(self.base / name)
            case _:
                folder = self.environ.get("CREDENTIALS_DIRECTORY")
                if folder is None or "/" in name or name in {"", ".", ".."}:
                    problem = (
                        f"there is no credential {name!r}: start under systemd with LoadCredential={name}:…"
                    )
                    raise wrong(SECRET_OF_SERVICE if folder is None else "secret", problem)
                value = self._read(Path(folder) / name)
        return value

    def _read(self, path: Path) -> str:
        # Two settings may name it, and it may change between the two: then the first value is a stale one.
        self.opened.setdefault(path, file_state(path))
        return _read(path)


def _read(path: Path) -> str:
    try:
        data = _content(path)
        text = data.decode().rstrip("\r\n")
    except PydanticCustomError:
        raise
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        kind = SECRET_OF_SERVICE if isinstance(error, PermissionError) else "secret"
        raise wrong(kind, f"the secret file {path} cannot be read: {why}") from None
    if len(data) > MAX_SECRET_BYTES:
        raise wrong("secret", f"the secret file {path} is over 64 KiB")
    return text


def _content(path: Path) -> bytes:
    """The content, and one byte more than a secret may have. Raises PydanticCustomError, OSError."""
    # The open must not wait for somebody to write into a pipe.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            problem = f"the secret file {path} is not a regular file"
            cure = "a pipe, such as /dev/fd/N, cannot be read again by a reload"
            raise wrong("secret", f"{problem}: {cure}")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read(MAX_SECRET_BYTES + 1)
    finally:
        os.close(descriptor)


def is_reference(value: object) -> bool:
    """Whether the value says where a secret is, and shows none."""
    return (
        isinstance(value, dict)
        and len(value) == 1
        and all(source in _PLACES and isinstance(name, str) for source, name in value.items())
    )


class Secret:
    """A value that prints as `***`; written `{env: NAME}`, `{file: /path}`, `{credential: NAME}` or plain."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_plain_validator_function(
            cls._validate,
            json_schema_input_schema=core_schema.union_schema(
                [
                    core_schema.str_schema(),
                    core_schema.dict_schema(
                        core_schema.literal_schema(list(get_args(_Place))),
                        core_schema.str_schema(),
                        min_length=1,
                        max_length=1,
                    ),
                ]
            ),
        )

    @classmethod
    def _validate(cls, value: object, info: Any) -> "Secret":
        context = info.context if isinstance(info.context, SecretContext) else SecretContext()
        if isinstance(value, Secret):
            return value
        text, place = _looked_up(value, context, "secret")
        if text is None:
            return cls("")
        if not text:
            raise wrong("secret", f"{place} is empty, and would prove nothing: fill it in")
        context.found.update((text, *_keys_of(text)))
        return cls(text)


def _looked_up(value: object, context: SecretContext, what: str) -> tuple[str | None, str]:
    """A text that may stand outside the configuration, and what to call its place; None if it is unread."""
    match value:
        case str():
            return value, f"the {what}"
        case dict() if len(value) == 1:
            ((source, name),) = value.items()
            if source not in _PLACES or not isinstance(name, str):
                raise wrong(
                    "secret", "says no known place: write {env: NAME}, {file: /path} or {credential: NAME}"
                )
            text = None if context.unread else context.resolve(source, name)
            return text, f"the {_PLACES[source]} {name}"
        case _:
            raise wrong(
                "secret",
                f"a {what} is a text, or one of {{env: NAME}}, {{file: /path}}, {{credential: NAME}}",
            )


def _text(value: object, info: ValidationInfo) -> str:
    context = info.context if isinstance(info.context, SecretContext) else SecretContext()
    return _looked_up(value, context, "text")[0] or ""


LookedUp = Annotated[str, BeforeValidator(_text, json_schema_input_type=str | dict[_Place, str])]
"""A text that is no secret and may stand where secrets do; empty while it is unread."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What a text has to look like: `problem` tells people what the pattern tells programs."""

    pattern: str
    problem: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._checked, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {**handler(schema), "pattern": self.pattern}

    def _checked(self, value: str) -> str:
        if not re.fullmatch(self.pattern, value):
            raise wrong("shape", self.problem)
        return value


def _keys_of(text: str) -> Iterator[str]:
    """The secret parts of an address such as that of a robot: alone they open as much as the whole.

    Of a key they are its lines, since a log is made of lines.
    """
    if "\n" in text:
        lines = (line.strip() for line in text.splitlines())
        yield from (line for line in lines if len(line) >= _SHORTEST_KEY and "--" not in line)
        return
    try:
        parts = urlsplit(text)
    except ValueError:
        return
    values = [parts.password or "", *(value for _, value in parse_qsl(parts.query))]
    if parts.scheme in {"http", "https"}:
        values.append(parts.path.rpartition("/")[2])
    elif parts.netloc:  # of other schemes any part may be one, also that in place of a host
        host = parts.netloc.rpartition("@")[2]
        words = [parts.username or "", host if "." not in host else "", *parts.path.split("/")]
        values += map(unquote, words)
    yield from (value for value in values if len(value) >= _SHORTEST_KEY)


_DURATION = re.compile(r"(\d{1,9})\s*(ms|s|m|h|d)")
_SIZE = re.compile(r"(\d{1,12})\s*(B|KiB|MiB|GiB)")
_FREQUENCY = re.compile(r"([1-9]\d{0,6})\s*/\s*([smh])")
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_BYTES = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


def _duration(value: object, _info: ValidationInfo) -> timedelta:
    if isinstance(value, timedelta):
        return value
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise wrong("duration", "a duration needs a number and a unit, such as 30s, 5m, 2h or 30d")
    return timedelta(seconds=int(found[1]) * _SECONDS[found[2]])


def _size(value: object, _info: ValidationInfo) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    found = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise wrong("size", "a size needs a number and a unit, such as 64KiB, 25MiB or 2GiB")
    return int(found[1]) * _BYTES[found[2]]


def _frequency(value: object, _info: ValidationInfo) -> Rate:
    if isinstance(value, Rate):
        return value
    found = _FREQUENCY.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise wrong("rate", "a rate needs a number and a unit of time, such as 10/s, 600/m or 5000/h")
    return Rate(int(found[1]), float(_SECONDS[found[2]]))


Duration = Annotated[timedelta, BeforeValidator(_duration, json_schema_input_type=str)]
"""A length of time, written with its unit: `30s`, `5m`, `2h`, `30d`."""
Size = Annotated[int, BeforeValidator(_size, json_schema_input_type=str)]
"""A number of bytes, written with its unit: `64KiB`, `25MiB`."""
Frequency = Annotated[Rate, BeforeValidator(_frequency, json_schema_input_type=str)]
"""How often something may happen, written as `10/s`, `600/m` or `5000/h`."""


def _time_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (KeyError, OSError, ValueError):
        raise wrong("timezone", f"there is no time zone {value}: write one such as Asia/Shanghai") from None
    return value


TimeZone = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_time_zone)]
"""The name of a time zone, such as `Asia/Shanghai`."""


def _from_config_folder(value: object, info: ValidationInfo) -> object:
    if not isinstance(value, str):
        return value
    return info.context.base / value if isinstance(info.context, SecretContext) else Path(value)


ConfigPath = Annotated[Path, BeforeValidator(_from_config_folder, json_schema_input_type=str)]
"""A file or folder; relative paths count from the folder of `bridge.yaml`."""
