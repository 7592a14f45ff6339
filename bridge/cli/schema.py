"""`schema`: what may be written in rules and configuration, for editors."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

import click
import orjson
from pydantic import BaseModel

from bridge.config.channels import ChannelSettings
from bridge.config.forges import former_kinds
from bridge.config.jsonschema import DIALECT, schema_of
from bridge.config.settings import Settings
from bridge.registry import KINDS
from bridge.rules.schema import BuildRepository
from bridge.web.api.app import DIALECTS
from bridge.web.api.openapi import openapi


@click.command()
@click.argument("which", type=click.Choice(["rules", "config", "openapi"]))
def schema(which: str) -> None:
    """Print a JSON Schema of rules or bridge.yaml, or the OpenAPI document of the API.

    Editors use a JSON Schema where a file begins with a yaml-language-server line.
    """
    made = _MAKERS[which]()
    click.echo(orjson.dumps(made, option=orjson.OPT_INDENT_2).decode())


def rules_schema() -> dict[str, Any]:
    """One document of a rule file."""
    made = schema_of(BuildRepository)
    made["$defs"]["BuildConfig"]["properties"]["code_repo_client"]["enum"] = _forges()
    _offer_channels(made)
    return {"$schema": DIALECT, "title": "Buildbridge: a rule"} | made


def config_schema() -> dict[str, Any]:
    """The whole of `bridge.yaml`."""
    made = schema_of(Settings)
    definitions = made["$defs"]
    definitions["SourceSettings"]["properties"]["kind"]["enum"] = _forges()
    _offer_channels(made)
    del definitions["Tagged"]
    _offer_contacts(definitions["PersonSettings"])
    del definitions["BuilderEntry"]
    for section, models, others in (
        ("builders", KINDS.builders, [_ON_THE_SERVER_OF_ANOTHER]),
        ("channels", KINDS.channels, []),
    ):
        variants = [*_kinds(models, definitions), *others]
        made["properties"][section]["additionalProperties"] = {"oneOf": variants}
    return {"$schema": DIALECT, "title": "Buildbridge: bridge.yaml"} | made


def _forges() -> list[str]:
    return sorted([*KINDS.forges, *former_kinds(KINDS.forges)], key=str.lower)


def _offer_channels(made: dict[str, Any]) -> None:
    """Only offered: what kinds a configuration has is not for its schema to say."""
    made["$defs"]["NoticeSetting"]["properties"]["notice_type"]["examples"] = sorted(KINDS.channels)


def _offer_contacts(person: dict[str, Any]) -> None:
    """Adds the contacts that the kinds of channels know."""
    person["properties"] |= {
        one.name: {
            "type": ["string", "null"],
            "minLength": 1,
            "maxLength": 255,
            "pattern": one.form.pattern,
            "description": one.description,
        }
        for key in KINDS.contacts.values()
        if key
        for one in key.and_others()
    }
    person["additionalProperties"] = False


def _kinds(models: Mapping[str, type[BaseModel]], definitions: dict[str, Any]) -> list[dict[str, Any]]:
    """For each kind the settings it brings; what they refer to goes to `definitions`."""
    found = []
    for kind, model in models.items():
        made = schema_of(model)
        definitions |= made.pop("$defs", {})
        made["properties"] = {"kind": {"const": kind}} | made["properties"]
        if issubclass(model, ChannelSettings) and not model.shows_words:
            del made["properties"]["templates"]  # which the check refuses
        made["required"] = ["kind", *made.get("required", [])]
        found.append(made | {"title": kind})
    return found


_ON_THE_SERVER_OF_ANOTHER: Final = {
    "title": "on the server of another builder",
    "type": "object",
    "properties": {
        "server": {"type": "string", "description": "A builder, all settings of which this one has, too."},
    },
    "required": ["server"],
    "not": {"required": ["kind"]},
    "description": "The keys of that builder's kind; each stands in place of its setting.",
}
_MAKERS: Final[Mapping[str, Callable[[], dict[str, Any]]]] = {
    "rules": rules_schema,
    "config": config_schema,
    "openapi": partial(openapi, DIALECTS),
}
