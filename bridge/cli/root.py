"""The root command. Each command is imported when it is called, so that the daemon loads no other."""

from importlib import import_module
from typing import Final

import click

from bridge import __version__
from bridge.cli.examples import add_examples
from bridge.cli.language import LANGUAGES
from bridge.cli.speech import reader

_CONFIGURED: Final = {
    "serve": "serve:serve",
    "status": "status:status",
    "health": "health:health",
    "doctor": "doctor.command:doctor",
    "schedules": "schedules:schedules",
    "check": "check:check",
    "reload": "reload:reload",
    "explain": "explain:explain",
    "deliveries": "deliveries:deliveries",
    "builds": "builds:builds",
    "notices": "notices:notices",
    "silences": "silences:silences",
    "builders": "builders:builders",
    "channels": "channels:channels",
    "sources": "sources:sources",
    "connect": "connect:connect",
    "token": "tokens:token",
    "audit": "audit:audit",
    "db": "db:db",
}
"""Where the commands are that read a configuration: `module:function`."""
_OTHERS: Final = {"init": "init:init", "demo": "demo:demo", "schema": "schema:schema", "help": "help:help_"}


def _remember(context: click.Context, _option: click.Parameter, value: str | None) -> None:
    if value is not None:
        context.obj = reader().config = value


def _remember_language(_context: click.Context, _option: click.Parameter, value: str | None) -> None:
    if value is not None:
        reader().given = value


def _config_option() -> click.Option:
    """The option before and after a command; `context.obj` is the last file that was given."""
    return click.Option(
        ["--config"],
        metavar="FILE",
        expose_value=False,
        is_eager=True,
        callback=_remember,
        help="The configuration; default: $BRIDGE_CONFIG, ./bridge.yaml or /etc/buildbridge/bridge.yaml.",
    )


def _language_option() -> click.Option:
    """The same for the language of who reads what the command says."""
    return click.Option(
        ["--language"],
        type=click.Choice(LANGUAGES, case_sensitive=False),
        expose_value=False,
        is_eager=True,
        callback=_remember_language,
        help="The language; default: that of LANG, else `language` of bridge.yaml, else en.",
    )


def _add_options(command: click.Command, *, configured: bool) -> None:
    if configured:
        command.params.append(_config_option())
    if all(one.name != "language" for one in command.params):
        command.params.append(_language_option())
    if isinstance(command, click.Group):
        for inner in command.commands.values():
            _add_options(inner, configured=configured)


class _Commands(click.Group):
    """A group that imports its commands on first use."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # the contract's argument
        return sorted(_CONFIGURED | _OTHERS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        location = (_CONFIGURED | _OTHERS).get(cmd_name)
        if cmd_name in self.commands or location is None:
            return super().get_command(ctx, cmd_name)
        module, _, name = location.partition(":")
        command: click.Command = getattr(import_module(f"bridge.cli.{module}"), name)
        _add_options(command, configured=cmd_name in _CONFIGURED)
        add_examples(command, cmd_name)
        self.add_command(command, cmd_name)
        return command


@click.group(
    cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, message="%(prog)s %(version)s")
def root() -> None:
    """Receives webhooks from Git hosts, triggers builds, and notifies people."""


root.params += [_config_option(), _language_option()]
