"""`builders test`."""

import click

from bridge.builders.base import BuilderContext
from bridge.cli import show
from bridge.cli.setup import configuration, run
from bridge.errors import RemoteError
from bridge.registry import BUILDERS
from bridge.runtime import log
from bridge.runtime.clock import system_clock
from bridge.runtime.redaction import Redactor


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

    redacted = Redactor(loaded.secrets)
    try:
        click.echo(redacted.foreign(show.plain(f"ok: {run(work)}")))
    except RemoteError as error:
        raise click.ClickException(redacted.foreign(show.plain(f"{name}: {error}"))) from None
