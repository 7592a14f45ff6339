"""What was made by API as rule files (pure)."""

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from bridge.config.document import reads_as_text
from bridge.model.plan import RepositoryKey
from bridge.rules.api import api_place, described
from bridge.rules.match import RuleSet


class _Dumper(yaml.SafeDumper):
    """Writes what `read_documents` reads as the same; YAML 1.1 and 1.2 differ in what is a number."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002  # the contract's argument
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = None if reads_as_text(text) and text.isprintable() else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def exported(rules: RuleSet) -> Iterator[tuple[RepositoryKey, str]]:
    """The text of a rule file for each repository that was made or changed by API, as it is in force."""
    stored = rules.api.stored
    for key, repository in sorted(rules.repositories.items()):
        if key in stored.repositories or key in stored.overrides:
            document = repository.model_dump(mode="json", exclude_unset=True, exclude_none=True)
            yield key, "".join(f"# {_line(text)}\n" for text in _remarks(rules, key)) + to_yaml(document)


def to_yaml(document: Mapping[str, Any]) -> str:
    return yaml.dump(dict(document), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


def _remarks(rules: RuleSet, key: RepositoryKey) -> Iterator[str]:
    """Where it is from, and what it was like before it was disabled."""
    made, override = rules.api.stored.repositories.get(key), rules.api.override(key)
    yield f"Made by the {api_place(made)}." if made else f"In place of {rules.places[key]}."
    yield from (f"It {text}." for text in described(override))
    if override.disabled is not None:
        config = rules.api.before[key].build_config
        active = [str(index) for index, one in enumerate(config.tag_configs) if one.is_active]
        yield f"Before that is_active was true in tag_configs: {', '.join(active) or 'none'}."
        for schedule in config.schedule:
            yield f"Before that it had the schedule: {schedule.cron} {schedule.timezone} {schedule.branch}."


def _line(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text)
