"""What configuration and rules know of a kind of Git host: each adapter says it of its own."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import AfterValidator, ValidationInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgeTraits:
    """How a kind of Git host differs from most others."""

    former_kinds: tuple[str, ...] = ()
    """Words that `bridge.yaml` and rules may still use for this kind, such as a former name of the host."""
    sends_user_name: bool = False
    """Whether it sends a user name beside the secret."""
    spaces_in_names: bool = False
    """Whether names of repositories and namespaces may hold spaces."""
    needs_namespace: bool = True
    """Whether every repository is in a namespace."""
    by_clone_url: bool = False
    """Whether rules name a repository by its clone address: a plain Git server with our hook."""


USUAL = ForgeTraits()


@dataclass(slots=True)
class ForgeContext:
    """The kinds of Git hosts that may be named; handed to pydantic as the validation context."""

    forges: Mapping[str, ForgeTraits] = field(default_factory=dict)


def former_kinds(forges: Mapping[str, ForgeTraits]) -> dict[str, str]:
    """The kinds of today by the former ones."""
    return {former: kind for kind, traits in forges.items() for former in traits.former_kinds}


def forges_of(info: ValidationInfo) -> Mapping[str, ForgeTraits]:
    """The kinds of Git hosts that this validation knows; none where it has no context."""
    return info.context.forges if isinstance(info.context, ForgeContext) else {}


def _kind_of_today(kind: str, info: ValidationInfo) -> str:
    forges = forges_of(info)
    return kind if kind in forges else former_kinds(forges).get(kind, kind)


ForgeKind = Annotated[str, AfterValidator(_kind_of_today)]
"""A kind of Git host under its name of today."""
