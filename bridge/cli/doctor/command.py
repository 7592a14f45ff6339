"""`doctor`: looks at all that the daemon needs, and prints a line for each check."""

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Final

import click

from bridge.cli import parts, show
from bridge.cli.advice import advice
from bridge.cli.doctor import host_webhooks, machine, nodes, servers, storage, webhooks
from bridge.cli.doctor.endpoints import Endpoint, Servers, endpoint_of, hosts_of
from bridge.cli.doctor.finding import Check, Finding, State, failure, findings_of
from bridge.cli.doctor.looks import looks
from bridge.cli.doctor.secrets import secrets
from bridge.cli.doctor.service import daemon, environment_of
from bridge.cli.setup import begin_log, outline, rules_of, run, store_of
from bridge.cli.speech import fault_text, reason, tell
from bridge.config.loader import Config, find_config, load_readable
from bridge.config.outline import Outline
from bridge.errors import ConfigError, Fault, StoreError
from bridge.model.notice import MESSAGE_CHANNEL
from bridge.registry import KINDS
from bridge.rules.match import RuleSet
from bridge.runtime.redaction import Redactor
from bridge.store.activity import DaemonStart
from bridge.store.base import Store
from bridge.store.open import is_served

_WIDTH: Final = 8
_SEE_CHECK: Final = "`buildbridge check` has each with its place"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What is known before anything is asked; `config` and `rules` are None where they have faults."""

    option: str | None
    outline: Outline
    config: Config | None
    rules: RuleSet | None
    environ: dict[str, str]
    served: bool
    start: DaemonStart | None
    usable: bool


@click.command()
@show.json_option
@click.pass_obj
def doctor(config: str | None, *, as_json: bool) -> None:
    """Look for what is wrong, or soon will be, with all that the daemon needs; changes nothing.

    Looks at the configuration, secrets, clock, disks, store, daemon, builders, channels, Git hosts and
    webhooks. Each line says what was found and what to do. Builders are asked by a harmless call, channels
    are only connected to. It may run beside the daemon; as root, or as the user of the daemon, it sees most.
    Exits 1 if a check failed; warnings alone are no failure.
    """
    begin_log(level="CRITICAL")
    found, redactor = _examined(config)
    shown = [_redacted(one, redactor) for one in found]
    if as_json:
        show.objects(asdict(one) for one in shown)
    else:
        for one in shown:
            click.echo(_line(one))
    sys.exit(1 if any(one.state is State.FAIL for one in shown) else 0)


def _examined(option: str | None) -> tuple[Sequence[Finding], Redactor]:
    try:
        known_outline = outline(option)
    except ConfigError as error:
        return [_faults(error)], Redactor(())
    # Before the store is opened: to close its file once more would end the locks of SQLite.
    served = is_served(known_outline.store_url)
    schema = storage.schema(known_outline)
    usable = schema.state is State.OK
    start = _start(option, known_outline) if usable and served else None
    environ = environment_of(start, os.environ)
    loaded, rules, validity = _configuration(option, environ)
    known = _Known(
        option=option,
        outline=known_outline,
        config=loaded,
        rules=rules,
        environ=environ,
        served=served,
        start=start,
        usable=usable,
    )
    found = run(partial(_look, known))
    return [validity, schema, *found], Redactor(loaded.secrets if loaded else ())


def _start(option: str | None, known_outline: Outline) -> DaemonStart | None:
    async def work() -> DaemonStart | None:
        async with store_of(option) as store:
            return await parts.start_of(known_outline, store)

    try:
        return run(work)
    except StoreError:
        return None  # the checks of the store say so


def _configuration(
    option: str | None, environ: dict[str, str]
) -> tuple[Config | None, RuleSet | None, Finding]:
    """The configuration and the rules as far as they can be read, and how they are, in one line."""
    warnings: list[Fault] = []
    loaded = rules = None
    try:
        loaded, _ = load_readable(find_config(option, environ), KINDS, environ)
        rules = rules_of(loaded, warn=warnings.append)
        warnings += [*loaded.warnings, *rules.warnings, *advice(loaded, rules)]
    except ConfigError as error:
        return loaded, rules, _faults(error)
    except Exception as error:  # noqa: BLE001  # a check that crashes is a finding
        return loaded, rules, failure("configuration", error)
    what = f"{loaded.file} is valid, with {len(rules.repositories)} build repositories"
    if not warnings:
        return loaded, rules, Finding(check="configuration", state=State.OK, what=what)
    what += f" and {len(warnings)} warnings"
    return loaded, rules, Finding(check="configuration", state=State.WARN, what=what, cure=_SEE_CHECK)


def _faults(error: ConfigError) -> Finding:
    cure = _SEE_CHECK
    if (count := len(error.faults)) > 1:
        cure = f"`buildbridge check` has this and {count - 1} more, each with its place"
    return Finding(check="configuration", state=State.FAIL, what=str(error.faults[0]), cure=cure)


async def _look(known: _Known) -> Sequence[Finding]:
    asked = Servers()
    if not known.usable:
        return await findings_of(_without_store(known, asked))
    try:
        async with store_of(known.option) as store:
            return await findings_of([*_without_store(known, asked), *_with_store(known, store)])
    except StoreError as error:
        broken = Finding(check="integrity", state=State.FAIL, what=str(error))
        return [broken, *await findings_of(_without_store(known, asked))]


def _without_store(known: _Known, asked: Servers) -> Iterator[Check]:
    outline_, config = known.outline, known.config
    yield Check("daemon", None, partial(daemon, outline_, known.start, served=known.served), 20.0)
    yield Check("secrets", None, partial(secrets, outline_, known.environ))
    yield Check("disk", None, partial(machine.disks, outline_, config))
    yield Check("fsync", None, partial(machine.fsync, outline_))
    if known.usable and outline_.store_file is not None:
        yield Check("integrity", None, partial(storage.integrity, outline_))
    if config is None:
        return
    endpoints = dict(_endpoints(config))
    at = {f"{kind}:{name}": one for (kind, name), one in endpoints.items() if one is not None}
    yield Check("clock", None, partial(machine.clock, asked, at), 60.0)
    for (kind, name), endpoint in endpoints.items():
        look = partial(servers.reach, asked, kind, name, endpoint)
        if kind == "builder":
            look = partial(servers.builder, asked, config, name, config.builders[name], endpoint)
        yield Check(kind, name, look, 60.0)
    for kind, named, loaded in (
        ("builder", config.settings.builders, config.builders),
        ("channel", config.settings.channels, config.channels),
    ):
        for name in named:
            if name not in loaded:
                yield Check(kind, name, partial(servers.unread, kind, name))
    if known.rules is not None:
        yield from host_webhooks.checks(config, known.rules, known.environ)
    if config.settings.sources:
        yield Check("public_url", None, partial(webhooks.public_url, outline_, asked))


def _with_store(known: _Known, store: Store) -> Iterator[Check]:
    yield Check("clock of the store", None, partial(storage.rows_of_the_future, store))
    if known.outline.store_file is None:
        yield Check("clock of the database", None, partial(storage.server_clock, store))
        yield Check("nodes", None, partial(nodes.nodes, known.outline, store))
    yield Check("stuck rows", None, partial(storage.stuck, store))
    yield Check("webhook", None, partial(webhooks.deliveries, known.outline, store))
    if known.config is not None and known.rules is not None:
        yield Check("looks", None, partial(looks, known.config, known.rules, store))
    yield Check("rejected requests", None, partial(webhooks.rejected, store))


def _endpoints(config: Config) -> Iterator[tuple[tuple[str, str], Endpoint | None]]:
    """The server of each builder, channel and source, if it has one."""
    for name, builder in config.builders.items():
        yield ("builder", name), endpoint_of(builder.settings)
    for name, channel in config.channels.items():
        if name != MESSAGE_CHANNEL:
            yield ("channel", name), endpoint_of(channel.settings)
    for name, endpoint in hosts_of(config):
        yield ("source", name), endpoint


def _redacted(found: Finding, redactor: Redactor) -> Finding:
    return replace(found, what=redactor.text(found.what), cure=found.cure and redactor.text(found.cure))


def _line(found: Finding) -> str:
    about = f" {found.about}" if found.about else ""
    is_fault = found.check == "configuration" and found.state is State.FAIL
    said = [
        fault_text(found.what) if is_fault else reason(found.what),
        *([reason(found.cure)] if found.cure else []),
    ]
    state = tell(found.state)
    columns = show.width_of(state)
    return show.plain(
        f"{state}{' ' * (_WIDTH - columns)}{tell(found.check)}{about}{tell(': ')}{tell('; ').join(said)}"
    )
