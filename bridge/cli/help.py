"""`help`: the guides, on the terminal."""

from collections.abc import Sequence
from difflib import get_close_matches
from itertools import groupby
from typing import Final

import click

from bridge.cli.speech import reader, tell
from bridge.model.language import Language
from bridge.registry import ADAPTERS
from bridge.runtime.topics import Group, Topic, same_name, topics

_RULE: Final = "-" * 72
_HEADINGS: Final[dict[Group, str]] = {
    "guides": "Guides",
    "hosts": "Git hosts",
    "builders": "Builders",
    "channels": "Channels",
}
_USAGE: Final = "Print one with `buildbridge help TOPIC`; `--language zh-CN` prints Chinese."


@click.command("help")
@click.argument("topic", required=False)
@click.pass_context
def help_(context: click.Context, topic: str | None) -> None:
    """List the guides, or print that of a TOPIC, such as gitee, jenkins or install."""
    spoken = reader().language
    known = list(topics(ADAPTERS))
    if topic is None:
        click.echo(_listed(known, spoken))
        return
    found = [one for one in known if same_name(one.name, topic)]
    if not found:
        click.echo(_command_help(context, topic) or _unknown(known, topic))
        return
    click.echo_via_pager(f"\n{_RULE}\n\n".join(one.shown(spoken) for one in found))


def _listed(known: Sequence[Topic], language: Language) -> str:
    width = max(len(one.name) for one in known)
    lines: list[str] = []
    for group, members in groupby(known, lambda one: one.group):
        lines.append(f"{tell(_HEADINGS[group])}:")
        lines.extend(f"  {one.name:{width}}  {one.title(language)}" for one in members)
        lines.append("")
    return "\n".join([*lines, tell(_USAGE)])


def _command_help(context: click.Context, name: str) -> str | None:
    """What `--help` of a command says, for who asks for it in this way."""
    parent = context.parent
    if parent is None or not isinstance(parent.command, click.Group):
        return None
    command = parent.command.get_command(parent, name)
    return command.get_help(click.Context(command, info_name=name, parent=parent)) if command else None


def _unknown(known: Sequence[Topic], name: str) -> str:
    """Raises ClickException with the nearest topics."""
    names = [one.name for one in known]
    near = [one for one in names if name.lower() in one] or get_close_matches(name.lower(), names)
    cure = f"the nearest: {', '.join(dict.fromkeys(near))}" if near else "`buildbridge help` lists them"
    raise click.ClickException(f"there is no topic {name}: {cure}")
