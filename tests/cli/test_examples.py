"""Each command has an example in its help, and each example is one that the command takes."""

import shlex
from collections.abc import Iterator

import click
import pytest

from bridge.cli.examples import EXAMPLES
from bridge.cli.root import root


def commands(command: click.Command, *names: str) -> Iterator[tuple[str, click.Command]]:
    if not isinstance(command, click.Group):
        yield " ".join(names), command
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        inner = command.get_command(context, name)
        assert inner is not None
        yield from commands(inner, *names, name)


ALL = dict(commands(root))


@pytest.mark.parametrize("name", sorted(ALL))
def test_every_command_has_an_example_that_it_takes(name: str, tmp_path: object) -> None:
    command = ALL[name]
    assert command.epilog == f"Example: buildbridge {EXAMPLES[name]}"
    assert EXAMPLES[name].startswith(name)
    given = shlex.split(EXAMPLES[name].removeprefix(name))
    parser = command.make_parser(click.Context(command, help_option_names=["-h", "--help"]))
    _, left, _ = parser.parse_args(given)
    assert left == []


def test_no_example_is_of_a_command_that_there_is_not() -> None:
    assert set(EXAMPLES) == set(ALL)
