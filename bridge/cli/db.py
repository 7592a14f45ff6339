"""`db`: what is in the store."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

import click

from bridge.cli import copying, export_records, upkeep
from bridge.cli.setup import change, outline, repository_name, rules_of, run, store_of
from bridge.cli.speech import tell
from bridge.errors import Fault
from bridge.model.audit import Action
from bridge.model.repository import RepositoryChange
from bridge.rules.export import exported, to_yaml


@click.group()
def db() -> None:
    """Work with the store."""


for _command in (upkeep.backup, upkeep.restore, upkeep.check, copying.copy):
    db.add_command(_command)


@db.command()
@click.argument("target", required=False, type=click.Path(path_type=Path))
@click.option("--records", is_flag=True, help="Deliveries, builds and notices instead, as JSON Lines.")
@click.pass_obj
def export(config: str | None, target: Path | None, *, records: bool) -> None:
    """Write the repositories that were made or changed by API as rule files.

    They go to the folder TARGET, which must be empty or new, or are printed. To move a repository to a file,
    delete it by API before the file is among the rules.

    With --records, all deliveries, builds and notices go to the new file TARGET, or are printed: one JSON
    object a line, as the API shows them, with the key `record` in front. Bodies and logs are not among them.
    """
    if records:
        export_records.export(config, target)
    else:
        _export_rules(config, target)


def _export_rules(config: str | None, folder: Path | None) -> None:
    found = list(exported(rules_of(outline(config), warn=_fail)))
    if folder is None:
        click.echo("---\n".join(text for _, text in found), nl=False)
    else:
        if folder.exists() and any(folder.iterdir()):
            raise click.ClickException(f"{folder} is not empty: name another folder")
        for (namespace, repo_name), text in found:
            (folder / namespace).mkdir(parents=True, exist_ok=True)
            (folder / namespace / f"{repo_name}.yaml").write_text(text, "utf-8")
    if len(found) == 1:
        count = tell("1 repository made or changed by API")
    else:
        count = tell("{count} repositories made or changed by API", count=len(found))
    click.echo(count, err=True)


@db.command()
@click.argument("repository", metavar="NAMESPACE/REPO_NAME")
@click.pass_obj
def delete(config: str | None, repository: str) -> None:
    """Delete a repository that was made by API, also one that keeps the daemon from starting.

    What it was is printed. A daemon that runs takes the change at its next look. Builds stay.
    """
    key = repository_name(repository)

    async def work() -> Any:
        async with store_of(config) as store:
            stored = (await store.repositories.all()).repositories.get(key)
            if stored is None:
                why = f"no repository {repository} was made by API: one of a file is deleted in its file"
                raise click.ClickException(why)
            document: Any = stored.document
            with suppress(ValueError):  # one that is damaged stays a text
                document = json.loads(document)
            entry = change(Action.REPOSITORY_DELETED, repository, before=document)
            gone = RepositoryChange(key=key, entry=entry, repository=None)
            await store.repositories.take({}, [], [], gone)
            return document

    document = run(work)
    click.echo(document if isinstance(document, str) else to_yaml(document), nl=False)


def _fail(fault: Fault) -> NoReturn:
    raise click.ClickException(str(fault))
