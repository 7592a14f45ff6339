"""`builders test` and `builders setup`."""

from collections.abc import Awaitable, Callable

import click

from bridge.builders.base import Builder, BuilderContext
from bridge.cli import parts, show
from bridge.cli.daemon import test_through_daemon, through_daemon_option
from bridge.cli.rows import print_rows
from bridge.cli.setup import begin_log, configuration, outline, rules_of, run, store_of
from bridge.cli.speech import reason, tell
from bridge.config.loader import Config
from bridge.errors import Permanent, RemoteError, StoreError
from bridge.model.build import SeenJob
from bridge.registry import BUILDERS
from bridge.runtime.clock import system_clock
from bridge.runtime.redaction import Redactor
from bridge.store.open import is_made, open_store


@click.group()
def builders() -> None:
    """Build systems."""


@builders.command("list")
@show.json_option
@click.pass_obj
def list_builders(config: str | None, *, as_json: bool) -> None:
    """List the builders: which are up, since when and why one is down, and how many builds it has."""

    async def work() -> list[parts.Document]:
        async with store_of(config) as store:
            found = outline(config)
            return await parts.builder_documents(found, store, await parts.backlog_of(found, store))

    print_rows(run(work), parts.BUILDER_COLUMNS, as_json=as_json)


@builders.command("test")
@click.argument("name")
@through_daemon_option
@click.pass_obj
def test_builder(config: str | None, name: str, *, through_daemon: bool) -> None:
    """Check that a builder can build, with one harmless call; builds nothing."""
    if through_daemon:
        test_through_daemon(outline(config), "builders", name)
    said = _asked(_configured(config, name), name, lambda builder: builder.test())
    click.echo(reason(f"ok: {said}"))


@builders.command("setup")
@click.argument("name")
@click.option("--apply", is_flag=True, help="Create the job, or add to it what it lacks.")
@click.pass_obj
def set_up_builder(config: str | None, name: str, *, apply: bool) -> None:
    """Show what the job of a builder needs, in the form of the build system; changes nothing by itself.

    With `--apply` a job that is missing is created, and one that is there gets the parameters that it lacks,
    those of the rules among them. All else of it stays as it is.
    """
    loaded = _configured(config, name)
    of_rules = (repository.build_config for repository in rules_of(loaded).repositories.values())
    parameters = sorted({one for rule in of_rules if rule.builder == name for one in rule.parameters})
    documents = []

    async def work(builder: Builder) -> str:
        setup = await builder.setup(parameters, apply=apply)
        if setup is None:
            raise Permanent(f"there is no job to set up from here for a builder of the kind {builder.kind}")
        documents.append(setup.document)
        return setup.said

    said = _asked(loaded, name, work)
    click.echo(reason(f"ok: {said}" if apply else said), err=not apply)
    if documents[0]:
        click.echo(documents[0].rstrip("\n"))


def _configured(option: str | None, name: str) -> Config:
    """The configuration, which has a builder of this name. Raises ConfigError and ClickException."""
    loaded = configuration(option)
    begin_log(loaded.secrets)
    if name not in loaded.builders:
        raise click.ClickException(
            f"there is no builder {name}; the configuration has {', '.join(loaded.builders)}"
        )
    return loaded


def _asked(loaded: Config, name: str, ask: Callable[[Builder], Awaitable[str]]) -> str:
    """What a builder says, for a terminal. Raises ClickException."""
    adapter = loaded.builders[name]
    context = BuilderContext(state=loaded.state_path / name, clock=system_clock)

    async def work() -> str:
        builder = BUILDERS[adapter.kind](name, adapter.settings, context)
        try:
            return await ask(builder)
        finally:
            await builder.aclose()
            if builder.seen is not None:
                await _keep(loaded, name, builder.seen)

    redacted = Redactor(loaded.secrets)
    try:
        return redacted.foreign(show.plain(run(work)))
    except RemoteError as error:
        said = tell("{name}: {value}", name=name, value=reason(str(error)))
        raise click.ClickException(redacted.foreign(show.plain(said))) from None


async def _keep(config: Config, name: str, seen: SeenJob) -> None:
    """Keep what the test has seen, for `check`, where there is a store."""
    try:
        if not is_made(config.store_url):
            return
        async with open_store(config.store_url, exclusive=False) as store:
            await store.jobs.keep(name, seen)
    except StoreError as error:
        click.echo(show.plain(reason(f"what was seen of the job is not kept for `check`: {error}")), err=True)
