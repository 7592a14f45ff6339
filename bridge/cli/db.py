"""`db`: what is in the store."""

from pathlib import Path
from typing import NoReturn

import click

from bridge.cli.setup import outline, rules_of
from bridge.errors import Fault
from bridge.rules.export import exported


@click.group()
def db() -> None:
    """Work with the store."""


@db.command()
@click.argument("folder", required=False, type=click.Path(file_okay=False, path_type=Path))
@click.pass_obj
def export(config: str | None, folder: Path | None) -> None:
    """Write the repositories that were made or changed by API as rule files.

    They go to FOLDER, which must be empty or new, or are printed. To move a repository to a file, delete it
    by API before the file is among the rules.
    """
    found = list(exported(rules_of(outline(config), warn=_fail)))
    if folder is None:
        click.echo("---\n".join(text for _, text in found), nl=False)
    else:
        if folder.exists() and any(folder.iterdir()):
            raise click.ClickException(f"{folder} is not empty: name another folder")
        for (namespace, repo_name), text in found:
            (folder / namespace).mkdir(parents=True, exist_ok=True)
            (folder / namespace / f"{repo_name}.yaml").write_text(text, "utf-8")
    count = f"{len(found)} {'repository' if len(found) == 1 else 'repositories'}"
    click.echo(f"{count} made or changed by API", err=True)


def _fail(fault: Fault) -> NoReturn:
    raise click.ClickException(str(fault))
