"""`sources …`: the Git hosts, whether their code can be fetched, and which pushes no webhook reported."""

import os
from typing import Any

import anyio.to_thread
import click

from bridge.cli import show
from bridge.cli.parts import MISSED_COLUMNS
from bridge.cli.rows import limit_option, print_rows
from bridge.cli.setup import outline, repository_name, rules_of, run, served, store_of
from bridge.cli.speech import reason, tell
from bridge.config.faults import suggest_or_list
from bridge.config.loader import find_config, load_clone
from bridge.config.outline import Outline
from bridge.errors import RemoteError
from bridge.registry import KINDS
from bridge.rules.lending import lending
from bridge.rules.match import RuleSet
from bridge.rules.schema import BuildRepository
from bridge.runtime.git.access import chosen
from bridge.runtime.git.remote import refs
from bridge.runtime.redaction import Redactor
from bridge.store.open import is_made
from bridge.store.values import BuildFilter, Cursor
from bridge.web.api.missed_documents import MissedDocument, missed_document


@click.group()
def sources() -> None:
    """Git hosts that send deliveries."""


@sources.command("list")
@show.json_option
@click.pass_obj
def list_sources(config: str | None, *, as_json: bool) -> None:
    """List the sources: where their code is fetched with what, and how many rules build it."""
    loaded = outline(config)
    rules = rules_of(loaded)
    rows = [_row(loaded, rules, name) for name in loaded.settings.sources]
    if as_json:
        show.objects(rows)
    else:
        show.table(rows, ("name", "kind", "host", "fetches_with", "rules"))


def _row(loaded: Outline, rules: RuleSet, name: str) -> dict[str, Any]:
    source = loaded.settings.sources[name]
    clone = source.clone
    given = [] if clone is None else [("token", clone.token), ("ssh_key", clone.ssh_key)]
    return {
        "name": name,
        "kind": source.kind,
        "host": clone.url if clone else None,
        "fetches_with": ", ".join(word for word, secret in given if secret is not None) or None,
        "rules": len(served(rules, name, source.kind)),
    }


@sources.command("missed")
@limit_option
@show.json_option
@click.pass_obj
def list_missed(config: str | None, limit: int, *, as_json: bool) -> None:
    """List pushes that no webhook reported, the newest first: what each ref was set to, and why."""

    async def work() -> list[MissedDocument]:
        async with store_of(config) as store:
            return [missed_document(one) for one in await store.looks.missed(limit)]

    found = run(work) if is_made(outline(config).store_url) else []
    print_rows(found, MISSED_COLUMNS, as_json=as_json)


@sources.command("test")
@click.argument("name")
@click.argument("repository", metavar="[NAMESPACE/REPO_NAME]", required=False)
@click.option("--clone-url", help="The clone URL, if neither a rule nor a push has named it yet.")
@click.pass_obj
def test_source(config: str | None, name: str, repository: str | None, clone_url: str | None) -> None:
    """Ask the host for the refs of a repository that the rules build, as a build would; fetches no code.

    Without NAMESPACE/REPO_NAME the first one is asked for.
    """
    loaded = outline(config)
    if name not in loaded.settings.sources:
        known = ", ".join(loaded.settings.sources) or "none"
        raise click.ClickException(f"there is no source {name}; the configuration has {known}")
    rules = rules_of(loaded)
    rule = _rule(rules, name, loaded.settings.sources[name].kind, repository)
    access = load_clone(find_config(config, os.environ), KINDS, os.environ, name)
    asked = clone_url or rule.build_config.code_repo_clone_url

    async def work() -> str:
        url = asked or await _known_address(config, loaded, rule) or _usual_address(rules, rule, name)
        lent = lending(rules, rule, name, url)
        if lent.why:
            raise click.ClickException(tell("{name}: {value}", name=rule.path, value=reason(lent.why)))
        address, used = chosen(url, access)
        found = await anyio.to_thread.run_sync(refs, url, access, name)
        if not found:
            return f"{address} is there, but has no branch yet"
        with_what = f" with `sources.{name}.clone`" if used else " without a credential"
        return f"{address} answers{with_what}: {len(found)} refs, HEAD is {found.get('HEAD', 'not set')}"

    redact = Redactor([secret for secret in (access.token, access.ssh_key) if secret] if access else [])
    try:
        click.echo(reason(redact.foreign(show.plain(f"ok: {run(work)}"))))
    except RemoteError as error:
        of_rule = tell("{name}: {value}", name=rule.path, value=reason(str(error)))
        problem = tell("{name}: {value}", name=name, value=of_rule)
        if asked is None and access is not None and access.ssh_key:
            problem += tell("; an SSH address with another port is asked for with `--clone-url`")
        raise click.ClickException(redact.foreign(show.plain(problem))) from None


def _rule(rules: RuleSet, name: str, kind: str, repository: str | None) -> BuildRepository:
    rules_of_source = served(rules, name, kind)
    if repository is None:
        if not rules_of_source:
            raise click.ClickException(f"no rule builds what is pushed to {name}: write one first")
        return rules_of_source[0]
    key = repository_name(repository)
    found = next((rule for rule in rules_of_source if rule.key == key), None)
    if found is None:
        hint = suggest_or_list(repository, [rule.path for rule in rules_of_source])
        raise click.ClickException(f"no rule {repository} builds what is pushed to {name}{hint}")
    return found


async def _known_address(config: str | None, loaded: Outline, rule: BuildRepository) -> str | None:
    """Where the newest build of the rule was fetched from."""
    if not is_made(loaded.store_url):
        return None
    async with store_of(config) as store:
        of_rule = BuildFilter(namespace=rule.namespace, repo_name=rule.repo_name)
        page = await store.builds.page(Cursor(), 1, of_rule)
        return page.rows[0].request.repo_url if page.rows else None


def _usual_address(rules: RuleSet, rule: BuildRepository, source: str) -> str:
    """Where such hosts have the code. Raises ClickException where that is not known, either."""
    found = rules.sources.made_address(source, rule.build_config.code_path)
    if found is None:
        raise click.ClickException(f"{rule.path}: no push has named the clone URL yet: give --clone-url")
    return found
