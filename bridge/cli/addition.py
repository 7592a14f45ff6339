"""`init --add`: a further source, builder, channel or rule in a configuration that is there."""

import os
import re
import secrets
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from textwrap import dedent
from typing import Any, Final, Literal

import click
import yaml

from bridge.cli.guides import EXAMPLE_URL, guide, preparation
from bridge.cli.new_files import write_new
from bridge.cli.scaffold import (
    PRIVATE,
    SECRET_BYTES,
    File,
    code_of,
    commented,
    invented_secrets,
    remark,
    rule_of,
    starter,
)
from bridge.cli.service_layout import load_line
from bridge.cli.setup import files_of
from bridge.config.insertion import CannotInsert, insert
from bridge.config.loader import load_outline
from bridge.config.outline import Outline
from bridge.model.language import Language
from bridge.model.notice import MESSAGE_CHANNEL
from bridge.registry import BUILDERS, CHANNELS, KINDS

Part = Literal["source", "builder", "channel", "rule"]
PARTS: Final[tuple[Part, ...]] = ("source", "builder", "channel", "rule")
_REFERENCE: Final = re.compile(r"^([^#\n]*)\{file: secrets/([\w-]+)\}", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is added: `kind` is that of the part, of a rule its Git host; `name` replaces the usual one."""

    part: Part
    kind: str | None
    name: str | None
    repository: str | None
    public_url: str
    """Where it is empty, that of the configuration."""
    language: Language


@dataclass(slots=True)
class Addition:
    """What is to be written, and said: `files` are new ones by their paths beside `bridge.yaml`."""

    text: str
    files: dict[str, File] = field(default_factory=dict)
    name: str = ""
    to_fill: list[str] = field(default_factory=list)
    credentials: list[str] = field(default_factory=list)
    """Lines for the drop-in of the unit."""
    page: str = ""


def add(config: Path, order: Order) -> Addition:
    """Add it, all or nothing. Raises ClickException, UsageError, and ConfigError for a faulty file."""
    outline = load_outline(config, KINDS, os.environ)
    order = replace(order, public_url=order.public_url or outline.settings.server.public_url or EXAMPLE_URL)
    before = config.read_bytes()
    made = Addition(before.decode("utf-8"))
    match order.part:
        case "source":
            _source(made, outline, order)
        case "builder":
            _adapter(made, outline, order, "builders", starter(BUILDERS, _kind(order), order.language))
        case "channel":
            _adapter(made, outline, order, "channels", starter(CHANNELS, _kind(order), order.language))
        case "rule":
            _rule(made, outline, order)
    write_new(config.parent, made.files)
    if made.text.encode() != before:
        try:
            _replace(config.resolve(), made.text.encode(), before)
        except OSError as error:
            for name in made.files:
                with suppress(OSError):
                    (config.parent / name).unlink()
            raise click.ClickException(f"{config} cannot be written: {error.strerror}") from None
    return made


def _kind(order: Order) -> str:
    if order.kind is None:
        option = {"source": "--host", "rule": "--host"}.get(order.part, f"--{order.part}")
        raise click.UsageError(f"--add {order.part} needs {option} KIND")
    return order.kind


def _source(made: Addition, outline: Outline, order: Order) -> None:
    one = guide(_kind(order), order.language)
    _section(made, outline, order, "sources", one.source)
    text = one.instructions(order.public_url, one.code)
    text = text.replace(f"/hooks/{one.source_name}", f"/hooks/{made.name}")
    made.page = text.replace(f"secrets/{one.source_name}", next(iter(made.files)))


def _adapter(made: Addition, outline: Outline, order: Order, section: str, starter: str) -> None:
    _section(made, outline, order, section, starter)
    group: Any = section
    made.page = preparation(group, _kind(order), order.public_url, order.language)
    notices = yaml.safe_load(starter).get("notices", {}).get("default")
    if notices:
        listed = dedent(_block(dedent(_block(starter, "notices")), "default"))
        (usual,) = yaml.safe_load(starter)[section]
        item = re.sub(rf"^(- channel: ){usual}$", rf"\g<1>{made.name}", listed, flags=re.MULTILINE)
        made.text = _inserted(outline, made.text, ("notices", "default"), item)


def _section(made: Addition, outline: Outline, order: Order, section: str, starter: str) -> None:
    """The first entry of a section of a starter, under its name, with its secrets beside."""
    block = dedent(_block(starter, section))
    there = getattr(outline.settings, section)
    if not block.strip() or order.kind == "MESSAGE":
        raise click.ClickException(f"the channel {MESSAGE_CHANNEL} is always there: it needs no entry")
    usual = block.partition(":")[0]
    made.name = order.name or usual
    if made.name in there:
        raise click.ClickException(
            f"{outline.file}: {section}.{made.name} is there already: give another name with --name"
        )
    entry = made.name + block.removeprefix(usual)
    made.text = _inserted(outline, made.text, (section,), _with_secrets(made, outline, entry, usual))


def _with_secrets(made: Addition, outline: Outline, entry: str, usual: str) -> str:
    """The entry with the places of its secrets, which are made."""
    beside = outline.file.parent
    service = (beside / "credentials").is_dir() and not (beside / "secrets").is_dir()
    owned = invented_secrets()

    def placed(found: re.Match[str]) -> str:
        name = found[2]
        value = owned.get(name) or secrets.token_hex(SECRET_BYTES)
        if made.name != usual:
            name = name.replace(usual, made.name) if usual in name else f"{made.name}-{name}"
        path = f"{'credentials' if service else 'secrets'}/{name}"
        made.files[path] = File(f"{value}\n".encode(), PRIVATE)
        if found[2] in owned:
            made.to_fill.append(path)
        if service:
            made.credentials.append(load_line(name).strip())
        return f"{found[1]}{{credential: {name}}}" if service else f"{found[1]}{{file: {path}}}"

    return _REFERENCE.sub(placed, entry)


def _rule(made: Addition, outline: Outline, order: Order) -> None:
    if order.repository is None:
        raise click.UsageError("--add rule needs --repository NAMESPACE/NAME")
    kinds = list(dict.fromkeys(source.kind for source in outline.settings.sources.values()))
    if order.kind is None and len(kinds) != 1:
        raise click.UsageError("--add rule needs --host KIND, since there is not one kind of source")
    one = guide(order.kind or kinds[0], order.language)
    code = code_of(one, order.repository)
    text = rule_of(one, code)
    document = yaml.safe_load(text)
    known = files_of(outline)
    if place := known.places.get((document["namespace"], document["repo_name"])):
        raise click.ClickException(
            f"the rule {document['namespace']}/{document['repo_name']} is there already, at {place}"
        )
    folder = next((path for path in outline.rule_paths if path.is_dir()), None)
    if folder is None:
        raise click.ClickException(f"{outline.file}: `rules` has no folder: add one, such as rules/")
    made.name = f"{document['namespace']}/{document['repo_name']}"
    file = folder / f"{document['namespace']}-{document['repo_name']}.yaml"
    made.files[os.path.relpath(file, outline.file.parent)] = File(
        commented(f"{remark(code, order.repository)}{text}", order.language).encode()
    )
    made.page = one.instructions(order.public_url, code)


def _block(text: str, section: str) -> str:
    """The lines below a key at the beginning of a line."""
    found = re.search(rf"^{section}:.*\n((?:[ #].*\n|\n)*)", text, re.MULTILINE)
    lines = found[1] if found else ""
    # A comment at the beginning of a line is about what follows.
    return re.split(r"^(?=#)", lines, maxsplit=1, flags=re.MULTILINE)[0].rstrip() + "\n"


def _inserted(outline: Outline, text: str, path: tuple[str, ...], entry: str) -> str:
    try:
        return insert(text, path, entry)
    except CannotInsert:
        shown = "\n".join(f"  {line}" for line in entry.rstrip().splitlines())
        raise click.ClickException(
            f"{outline.file}: nothing can be added to `{'.'.join(path)}` as it is written: nothing was"
            f" changed. Add this by hand:\n{shown}"
        ) from None


def _replace(file: Path, content: bytes, before: bytes) -> None:
    """Put the new content in the place of the old, at once, with its mode and owner. Raises OSError."""
    state = file.stat()
    descriptor, name = tempfile.mkstemp(prefix=f".{file.name}-", dir=file.parent)
    try:
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(content)
            os.fchmod(opened.fileno(), state.st_mode & 0o7777)
            with suppress(PermissionError):
                os.fchown(opened.fileno(), state.st_uid, state.st_gid)
            opened.flush()
            os.fsync(opened.fileno())
        _check_same(file, before)
        Path(name).replace(file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _check_same(file: Path, before: bytes) -> None:
    if file.read_bytes() != before:
        raise OSError(0, "somebody has changed it meanwhile")
