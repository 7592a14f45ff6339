"""`token`: tokens and access keys of the API."""

import os
from datetime import timedelta
from typing import Any

import click
from pydantic import TypeAdapter, ValidationError

from bridge.cli import show
from bridge.cli.setup import change, outline, run, store_of, user
from bridge.cli.speech import tell
from bridge.config.keys import kept_key
from bridge.config.loader import load_api_keys
from bridge.config.settings import Positive
from bridge.model.access import Role
from bridge.model.audit import Action
from bridge.registry import KINDS
from bridge.runtime.clock import system_clock
from bridge.web.api.core.errors import Invalid
from bridge.web.api.core.tokens import LONGEST, MAX_LISTED, check, rights, secrets_of
from bridge.web.api.credentials import Credentials
from bridge.web.api.documents import token_document


def _lifetime(_context: click.Context, _option: click.Parameter, value: str | None) -> timedelta | None:
    if value is None:
        return None
    try:
        lifetime: timedelta = TypeAdapter(Positive).validate_python(value)
    except ValidationError as error:
        raise click.BadParameter(f"{value}: {error.errors()[0]['msg']}") from None
    if lifetime > LONGEST:
        raise click.BadParameter(
            f"{value} is longer than {LONGEST.days}d: leave it out for a token that never expires"
        )
    return lifetime


@click.group()
def token() -> None:
    """The tokens and access keys of the API."""


@token.command()
@click.argument("name")
@click.option(
    "--role",
    required=True,
    type=click.Choice([str(role) for role in Role]),
    help="A viewer reads, a member also triggers, cancels, retries and edits, an admin does everything.",
)
@click.option(
    "--namespace", "namespaces", multiple=True, metavar="NS", help="Only there; may be given several times."
)
@click.option("--expires", callback=_lifetime, metavar="TIME", help="How long it is valid, such as 90d.")
@click.option("--access-key", "has_access_key", is_flag=True, help="Make an access key and a secret key.")
@show.json_option
@click.pass_obj
def add(
    config: str | None,
    name: str,
    *,
    role: str,
    namespaces: tuple[str, ...],
    expires: timedelta | None,
    has_access_key: bool,
    as_json: bool,
) -> None:
    """Make a token for NAME, a person or a program; it is shown only now."""
    try:
        check(name, Role(role), namespaces, expires)
    except Invalid as error:
        raise click.UsageError(str(error)) from None
    credentials = _credentials(config)
    now = system_clock()
    issued = credentials.issue(
        name=name,
        role=Role(role),
        namespaces=frozenset(namespaces) or None,
        now=now,
        by=user(),
        expires_at=None if expires is None else now + expires.total_seconds(),
        has_access_key=has_access_key,
    )

    async def work() -> None:
        async with store_of(config) as store:
            await store.tokens.add(issued, change(Action.TOKEN_ADDED, issued.id, after=rights(issued)))

    run(work)
    shown = {"id": issued.id} | secrets_of(credentials, issued)
    if as_json:
        show.objects([shown])
        return
    show.facts(shown)
    click.echo(tell("it is shown only now, and kept nowhere: store it safely"), err=True)


def _credentials(config: str | None) -> Credentials:
    """What makes tokens that the daemon accepts. Raises ConfigError."""
    known = outline(config)
    keys = [key.reveal() for key in load_api_keys(known.file, KINDS, os.environ)]
    return Credentials(keys or [kept_key(known.key_file)])


@token.command("list")
@show.json_option
@click.pass_obj
def list_tokens(config: str | None, *, as_json: bool) -> None:
    """List the newest tokens and access keys, those that are not valid any more among them."""

    async def work() -> list[dict[str, Any]]:
        async with store_of(config) as store:
            found, now = await store.tokens.newest(MAX_LISTED), system_clock()
            return [{**token_document(one), "state": one.state(now)} for one in found]

    rows = run(work)
    if as_json:
        show.objects(rows)
    else:
        show.table(
            rows, ["id", "name", "role", "namespaces", "access_key", "last_used_at", "expires_at", "state"]
        )


@token.command()
@click.argument("token_id", metavar="ID")
@click.pass_obj
def revoke(config: str | None, token_id: str) -> None:
    """Make a token or an access key void, at once."""

    async def work() -> None:
        async with store_of(config) as store:
            found = await store.tokens.get(token_id)
            asked = change(Action.TOKEN_REVOKED, token_id, before=found and rights(found))
            if not await store.tokens.revoke(token_id, asked):
                why = "was revoked before" if found else "is not the id of a token"
                raise click.ClickException(f"{token_id} {why}: see `token list`")

    run(work)
    click.echo(tell("revoked {id}", id=token_id))
