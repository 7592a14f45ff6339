"""`reload`: has the running daemon take what is on disk, and says what came of it."""

from collections.abc import Iterator, Mapping
from typing import Any

import click

from bridge.cli import show
from bridge.cli.daemon import ask
from bridge.cli.setup import outline
from bridge.cli.speech import fault_text, tell, word

_OK, _FAULTY = 200, 422


@click.command()
@click.pass_obj
def reload(config: str | None) -> None:
    """Have the daemon use the configuration, the secrets and the rules as they are on disk now.

    Prints what has changed, and what of it waits for a restart. Exits 1 when they have faults, which are
    printed: then what was good stays in force.
    """
    status, answer = ask(outline(config), "POST", "/v1/reload")
    if status == _FAULTY:
        for fault in answer["data"]["faults"]:
            click.echo(show.plain(fault_text(fault)), err=True)
    if status != _OK:
        raise click.ClickException(answer["msg"])
    for line in _lines(answer["data"]):
        click.echo(line)


def _lines(done: Mapping[str, Any]) -> Iterator[str]:
    counts = {name: count for name, count in done["counts"].items() if count}
    rules = ", ".join(
        tell("{count} {what}", count=count, what=word(f"health.rules_{name}", name))
        for name, count in counts.items()
    )
    changes = [tell("rules: {rules}", rules=rules)] if rules else []
    if done["configuration"]:
        changes.append(tell("configuration: {keys}", keys=", ".join(done["configuration"])))
    nothing = tell("what is on disk is in force already: the daemon takes changes by itself")
    yield tell("reloaded: {changes}", changes=tell("; ").join(changes) or nothing)
    if waiting := done["waits_for_restart"]:
        yield tell("waits for a restart: {keys}", keys=", ".join(waiting))
