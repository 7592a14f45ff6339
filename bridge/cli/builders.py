"""`builders test`."""

import click

from bridge.builders.base import BuilderContext
from bridge.cli import show
from bridge.cli.setup import configuration, run
from bridge.config.loader import Config
from bridge.errors import RemoteError, StoreError
from bridge.model.build import SeenJob
from bridge.registry import BUILDERS
from bridge.runtime import log
from bridge.runtime.clock import system_clock
from bridge.runtime.redaction import Redactor
from bridge.store.open import open_store


@click.group()
def builders() -> None:
    """Build systems."""


@builders.command("test")
@click.argument("name")
@click.pass_obj
def test_builder(config: str | None, name: str) -> None:
    """Check that a builder can build, with one harmless call; builds nothing."""
    loaded = configuration(config)
    log.configure(loaded.secrets, level="WARNING")
    if name not in loaded.builders:
        raise click.ClickException(
            f"there is no builder {name}; the configuration has {', '.join(loaded.builders)}"
        )
    adapter = loaded.builders[name]
    state = loaded.state_path / name

    async def work() -> str:
        builder = BUILDERS[adapter.kind](
            name, adapter.settings, BuilderContext(state=state, clock=system_clock)
        )
        try:
            return await builder.test()
        finally:
            await builder.aclose()
            if builder.seen is not None:
                await _keep(loaded, name, builder.seen)

    redacted = Redactor(loaded.secrets)
    try:
        click.echo(redacted.foreign(show.plain(f"ok: {run(work)}")))
    except RemoteError as error:
        raise click.ClickException(redacted.foreign(show.plain(f"{name}: {error}"))) from None


async def _keep(config: Config, name: str, seen: SeenJob) -> None:
    """Keep what the test has seen, for `check`, where there is a store."""
    if not config.store_file.exists():
        return
    try:
        async with open_store(config.store_url, exclusive=False) as store:
            await store.jobs.keep(name, seen)
    except StoreError as error:
        click.echo(show.plain(f"what was seen of the job is not kept for `check`: {error}"), err=True)
