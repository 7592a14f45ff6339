"""The commands, one file for each group."""

import click

from bridge import __version__
from bridge.cli import channels, daemon, explain, records


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, message="%(prog)s %(version)s")
@click.option(
    "--config", metavar="FILE", help="Read this bridge.yaml; else $BRIDGE_CONFIG or the usual places."
)
@click.pass_context
def root(context: click.Context, config: str | None) -> None:
    """From a push to a build to a notice."""
    context.obj = config


for command in (
    daemon.serve,
    daemon.demo,
    daemon.check,
    explain.explain,
    records.deliveries,
    records.builds,
    records.notices,
    channels.channels,
):
    root.add_command(command)
