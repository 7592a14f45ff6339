"""`db`: what is in the store."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

import click

from bridge.cli.setup import audited, outline, repository_name, rules_of, run, store_of, user
from bridge.errors import Fault
from bridge.model.audit import Action
from bridge.model.repository import RepositoryChange
from bridge.rules.export import exported, to_yaml


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
            gone = RepositoryChange(key=key, by=user(), repository=None)
            await store.repositories.take({}, [], [], gone)
            document: Any = stored.document
            with suppress(ValueError):  # one that is damaged stays a text
                document = json.loads(document)
            await audited(store, Action.REPOSITORY_DELETED, repository, before=document)
            return document

    document = run(work)
    click.echo(document if isinstance(document, str) else to_yaml(document), nl=False)


def _fail(fault: Fault) -> NoReturn:
    raise click.ClickException(str(fault))
