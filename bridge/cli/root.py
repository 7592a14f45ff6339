"""The commands, one file for each group."""

import click

from bridge import __version__
from bridge.cli import channels, daemon, explain, init, records


def _remember(context: click.Context, _option: click.Parameter, value: str | None) -> None:
    if value is not None:
        context.obj = value


def _config_option() -> click.Option:
    """Before a command and after it: `context.obj` is the last file that was named."""
    return click.Option(
        ["--config"],
        metavar="FILE",
        expose_value=False,
        callback=_remember,
        help="Read this bridge.yaml; else $BRIDGE_CONFIG or the usual places.",
    )


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, message="%(prog)s %(version)s")
def root() -> None:
    """From a push to a build to a notice."""


def _add_config_option(command: click.Command) -> None:
    command.params.append(_config_option())
    if isinstance(command, click.Group):
        for inner in command.commands.values():
            _add_config_option(inner)


for command in (
    daemon.serve,
    daemon.check,
    explain.explain,
    records.deliveries,
    records.builds,
    records.notices,
    channels.channels,
):
    root.add_command(command)
_add_config_option(root)
root.add_command(init.init)
root.add_command(daemon.demo)
