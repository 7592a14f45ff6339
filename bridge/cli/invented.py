"""An invented push, written in one word, to see what the rules would make of it."""

from collections.abc import Sequence
from typing import Final

import click

from bridge.config.faults import suggest_or_list
from bridge.model.event import PushEvent, Ref
from bridge.registry import KINDS
from bridge.web.api.core.readings import NOT_BY_ADDRESS, invented_push, kinds_by_word

EXAMPLE: Final = "gitee:acme/shop@release/1.2 or github:acme/shop@refs/tags/v1.2.0"
MAX_LENGTH: Final = 4096


def pushed(text: str, changed: Sequence[str], message: str) -> tuple[str, PushEvent]:
    """The kind of host and the push that `KIND:REPOSITORY@REF` names; nothing in `changed`: no one knows.

    Raises click.UsageError.
    """
    host, _, rest = text.partition(":")
    kind = _kind(host)
    by_clone_url = KINDS.forges[kind].by_clone_url
    # A clone address may hold an @, the name of a repository cannot.
    slug, mark, name = rest.rpartition("@") if by_clone_url else rest.partition("@")
    if not slug or not mark or not name or len(text) > MAX_LENGTH:
        raise click.UsageError(f"--push {text[:80]} is not KIND:REPOSITORY@REF, such as {EXAMPLE}")
    if not by_clone_url and "://" in slug:
        raise click.UsageError(f"--push: {NOT_BY_ADDRESS}")
    return kind, invented_push(slug, _ref(name), changed, message, by_clone_url=by_clone_url)


def _kind(host: str) -> str:
    kinds = kinds_by_word(KINDS.forges)
    if host.lower() not in kinds:
        hint = suggest_or_list(host.lower(), kinds)
        raise click.UsageError(
            f"--push must begin with a kind of Git host, and {host[:80]!r} is not one{hint}"
        )
    return kinds[host.lower()]


def _ref(name: str) -> Ref:
    if name.startswith("refs/tags/"):
        return Ref("tag", name.removeprefix("refs/tags/"))
    return Ref("branch", name.removeprefix("refs/heads/"))
