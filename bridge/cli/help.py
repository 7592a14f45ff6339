"""`help`: the guides, on the terminal."""

import re
from collections.abc import Sequence
from difflib import get_close_matches
from itertools import groupby
from typing import Final

import click

from bridge.cli.chinese import say
from bridge.cli.language import language_of, language_option
from bridge.cli.topics import Group, Topic, same_name, topics
from bridge.model.language import Language

_RULE: Final = "-" * 72
_COMMENT: Final = re.compile(r"^<!--.*?-->\n", re.MULTILINE)
_HEADINGS: Final[dict[Group, str]] = {
    "guides": "Guides",
    "hosts": "Git hosts",
    "builders": "Builders",
    "channels": "Channels",
}
_USAGE: Final = "Print one with `buildbridge help TOPIC`; `--language zh-CN` prints Chinese."


@click.command("help")
@click.argument("topic", required=False)
@language_option
@click.pass_context
def help_(context: click.Context, topic: str | None, language: str | None) -> None:
    """List the guides, or print that of a TOPIC, such as gitee, jenkins or install."""
    spoken = language_of(language, context.obj)
    known = list(topics())
    if topic is None:
        click.echo(_listed(known, spoken))
        return
    found = [one for one in known if same_name(one.name, topic)]
    if not found:
        click.echo(_command_help(context, topic) or _unknown(known, topic))
        return
    click.echo_via_pager(f"\n{_RULE}\n\n".join(_COMMENT.sub("", one.text(spoken)) for one in found))


def _listed(known: Sequence[Topic], language: Language) -> str:
    width = max(len(one.name) for one in known)
    lines: list[str] = []
    for group, members in groupby(known, lambda one: one.group):
        lines.append(f"{say(language, _HEADINGS[group])}:")
        lines.extend(f"  {one.name:{width}}  {one.title(language)}" for one in members)
        lines.append("")
    return "\n".join([*lines, say(language, _USAGE)])


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
