"""What `init` writes: a configuration, a rule and a sample push for each host, and the secrets they name."""

import re
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.resources import files
from string import Template
from typing import Any, Final

import click
import orjson
import yaml
from pydantic import ValidationError

import bridge
from bridge.cli.guides import EXAMPLE_URL, Code, Guide, Sample, guide
from bridge.config.forges import ForgeContext
from bridge.demo.workspace import post_receive
from bridge.model.language import Language
from bridge.registry import BUILDERS, CHANNELS, KINDS, Adapters
from bridge.rules.schema import BuildRepository

DEFAULT_LISTEN: Final = ("127.0.0.1", 8088)
SECRET_BYTES: Final = 32
PRIVATE: Final = 0o600
_SECRET: Final = re.compile(r"^[^#\n]*\{file: secrets/([a-z-]+)\}", re.MULTILINE)
_COMMENT: Final = re.compile(r"(?<=# )[^#\n]+$", re.MULTILINE)
"""What a line of YAML says behind its value."""
NO_COMMENTS: Final[Mapping[str, str]] = {}
_RULE_HEAD: Final = """\
# The first rule: a push to main builds the tag latest, and the Git tag v1.2.0 a tag of the same name.
# The file may be called as you like, and hold several rules.
"""
_INVENTED: Final = "# CHANGE: The names of the repository are invented: write those of your own.\n"
_INVENTED_ADDRESS: Final = """\
# CHANGE: The address code_repo_clone_url is invented: write the setting bridge.cloneUrl of the hook.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What was chosen; a host that is not among the `repositories` gets the names of its guide.

    A repository is a path at its host, or its address. `listen` are host and port.
    """

    hosts: Sequence[str]
    builder: str
    channel: str
    public_url: str
    repositories: Mapping[str, str]
    language: Language
    listen: tuple[str, int] = DEFAULT_LISTEN


@dataclass(frozen=True, slots=True)
class File:
    content: bytes
    mode: int = 0o644


@dataclass(frozen=True, slots=True)
class Scaffold:
    """`files` and `samples`, the pushes to explain, by their paths below the folder."""

    files: Mapping[str, File]
    guides: Sequence[tuple[Guide, Code]]
    samples: Mapping[str, Sample]
    to_fill: Sequence[str]
    """The secrets that only their owner knows, by path."""
    secrets: str = "secrets"
    """The folder of the secrets."""
    config: str = "bridge.yaml"


def scaffold(wanted: Wanted, now: int) -> Scaffold:
    """Compose everything; writes nothing. Raises UsageError for a repository that no rule can name."""
    guides = [guide(kind, wanted.language) for kind in wanted.hosts]
    config = _config(wanted, guides)
    owned = invented_secrets()
    named = dict.fromkeys(_SECRET.findall(config))
    values = {name: owned.get(name) or secrets.token_hex(SECRET_BYTES) for name in named}
    found = {"bridge.yaml": File(config.encode())}
    # A folder that is kept in Git must not publish them.
    found["secrets/.gitignore"] = File(b"*\n")
    found |= {f"secrets/{name}": File(value.encode() + b"\n", PRIVATE) for name, value in values.items()}
    samples, described = {}, []
    for index, one in enumerate(guides):
        repository = wanted.repositories.get(one.kind)
        code = code_of(one, repository)
        rule = rule_of(one, code, f"-{one.source_name}" if index else "")
        note = remark(code, repository)
        text = commented(f"{_RULE_HEAD}{note}{rule}", wanted.language)
        found[f"rules/{one.source_name}.yaml"] = File(text.encode())
        sample = one.sample(code, values[one.source_name], now)
        path = f"secrets/sample/{one.source_name}"
        found[f"{path}.json"] = File(sample.body.encode(), PRIVATE)
        found[f"{path}.headers"] = File(f"{sample.headers}\n".encode(), PRIVATE)
        samples[f"{path}.json"] = sample
        described.append((one, code))
        if KINDS.forges[one.kind].by_clone_url:
            found["post-receive"] = File(post_receive(), 0o755)
    return Scaffold(found, described, samples, [f"secrets/{name}" for name in values if name in owned])


def invented_secrets() -> dict[str, str]:
    """What stands for the secrets that only their owner knows, by the names of their files.

    The kinds that have such secrets name them in a `secrets.yaml` beside their code.
    """
    found: dict[str, str] = {}
    for adapters in (BUILDERS, CHANNELS):
        for kind in adapters:
            with suppress(FileNotFoundError):
                found |= yaml.safe_load(adapters.text(kind, "secrets.yaml"))
    return found


def _config(wanted: Wanted, guides: Sequence[Guide]) -> str:
    invented = "    # CHANGE" if wanted.public_url == EXAMPLE_URL else ""
    values = {
        "language": wanted.language,
        "listen_host": wanted.listen[0],
        "port": str(wanted.listen[1]),
        "public_url": f"{_scalar(wanted.public_url)}{invented}",
        "sources": "".join(one.source.partition("\n")[2] for one in guides),
        "builders": starter(BUILDERS, wanted.builder, wanted.language),
        "channels": starter(CHANNELS, wanted.channel, wanted.language),
    }
    return commented(Template(_starter("bridge.yaml")).substitute(values), wanted.language)


def starter(adapters: Adapters[Any], kind: str, language: Language) -> str:
    """What a kind brings into a first configuration; its `chinese` may have comments of its own."""
    text = adapters.text(kind, "starter.yaml")
    return text if language == "en" else commented(text, language, adapters[kind].chinese)


def commented(text: str, language: Language, chinese: Mapping[str, str] = NO_COMMENTS) -> str:
    """The YAML with its comments in the language."""
    if language == "en":
        return text
    from bridge.cli.chinese_starter import COMMENTS  # noqa: PLC0415

    return _COMMENT.sub(lambda found: COMMENTS.get(found[0]) or chinese.get(found[0], found[0]), text)


def code_of(one: Guide, repository: str | None) -> Code:
    """The repository as its host calls it; that of the guide where none is given."""
    if repository is None:
        return one.code
    path = repository.rstrip("/").removesuffix(".git")
    if "://" in path:
        path = path.partition("://")[2].partition("/")[2]
    namespace, _, name = path.rpartition("/")
    if not KINDS.forges[one.kind].by_clone_url:
        return Code(namespace, name, "")
    address = repository if "://" in repository else f"https://git.example.com/{path}.git"
    return Code(namespace, name, address)


def remark(code: Code, repository: str | None) -> str:
    """The comment before a rule that says what of it is invented; "" where nothing is."""
    if repository is None:
        return _INVENTED
    return _INVENTED_ADDRESS if code.clone_url not in {"", repository} else ""


def rule_of(one: Guide, code: Code, suffix: str = "") -> str:
    """The rule of the guide, for this repository. Raises UsageError."""
    text = one.rule
    slug = _slug(code.name)
    if not slug:
        raise click.UsageError(
            f"no name of an image can be made of {code.full_name}: give a repository whose name has letters "
            "a-z or digits, then change code_repo_namespace and code_repo_name in the rule"
        )
    values = {"repo_name": slug + suffix}
    if code != one.code:
        values |= {
            "namespace": _slug(code.namespace) or slug,
            "code_repo_namespace": code.namespace,
            "code_repo_name": code.name,
            "code_repo_clone_url": code.clone_url,
        }
    for key, value in values.items():
        text = _with(text, key, value)
    try:
        BuildRepository.model_validate(yaml.safe_load(text), context=ForgeContext(KINDS.forges))
    except ValidationError as error:
        why = error.errors()[0]["msg"]
        raise click.UsageError(f"no rule can name the repository {code.full_name}: {why}") from None
    return text


def _with(text: str, key: str, value: str) -> str:
    """The YAML with another value on the line of this key; without the line, where there is no value."""
    if not value:
        return re.sub(rf"^ *{key}: .*\n", "", text, flags=re.MULTILINE)
    return re.sub(rf"^( *{key}: )\S+", lambda found: str(found[1]) + _scalar(value), text, flags=re.MULTILINE)


def _slug(name: str) -> str:
    """A name that images may have, too."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def _scalar(value: str) -> str:
    """The value as YAML, quoted only where it must be."""
    safe = re.fullmatch(r"[A-Za-z0-9_./~:+-]+", value) and _loaded(value) == value
    return value if safe else orjson.dumps(value).decode()


def _loaded(text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return None


def _starter(name: str) -> str:
    return (files(bridge) / "cli" / "starter" / name).read_text("utf-8")
