"""Documents about repositories as clients send them: with ids, read-only keys and parts left out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from pydantic import Field, model_validator

from bridge.config.notices import NoticeSetting
from bridge.config.types import Strict, wrong
from bridge.model.notice import EventName
from bridge.rules.in_force import KnownRepository
from bridge.web.api.core.errors import Invalid

ONLY_READ: Final = frozenset(
    {
        "id",
        "docker_repo_path",
        "code_repo_path",
        "code_repo_webhook_code",
        "code_repo_public_key",
        "created_by",
        "code_repo_path_url",
        "deploy_url",
    }
)
"""What a build_config answers beside what can be set: a client may send it back, without effect."""
TAG_ONLY_READ: Final = frozenset({"id", "docker_build_config_id"})


@dataclass(frozen=True, slots=True, kw_only=True)
class MergedConfig:
    """A build_config as it is to be stored, with the ids of its tag_configs, None for a new one.

    `activates` says that a tag_config was sent as active.
    """

    document: dict[str, Any]
    ids: tuple[int | None, ...]
    activates: bool


class NoticeChange(Strict):
    """A notice as in a rule file; an empty list of events ends the notices to the channel."""

    notice_type: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    channel: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    enabled_event_type_names: Annotated[
        tuple[Annotated[EventName, Field(strict=False)], ...],
        Field(strict=False, max_length=len(EventName)),
    ]
    only: Literal["always", "changes", "failures"] | None = None

    @model_validator(mode="after")
    def _names_something(self) -> "NoticeChange":
        if self.channel is None and self.notice_type is None:
            raise wrong("notice", "names no channel: give channel or notice_type")
        return self

    @property
    def names(self) -> NoticeSetting:
        """What it names, to find the channel."""
        return NoticeSetting(notice_type=self.notice_type, channel=self.channel)

    def applied(self, names: NoticeSetting, before: NoticeSetting | None) -> NoticeSetting:
        """The setting of the channel from now on."""
        only = self.only or (before.only if before else "always")
        events = self.enabled_event_type_names
        remind = before.remind if before else names.remind
        return names.model_copy(update={"enabled_event_type_names": events, "only": only, "remind": remind})


def new_document(namespace: str, document: Mapping[str, Any]) -> dict[str, Any]:
    """The document of a new repository. Raises Invalid for another namespace and for ids."""
    if document.get("namespace", namespace) != namespace:
        raise Invalid([f"namespace: the address says {namespace}: leave the key out"])
    data = {**document, "namespace": namespace}
    config = data.get("build_config")
    if isinstance(config, Mapping):
        tags, _ = _tag_configs(config.get("tag_configs"), {})
        data["build_config"] = {**config, "tag_configs": tags} if "tag_configs" in config else dict(config)
    return data


def merged_config(stored: Mapping[str, Any], sent: Mapping[str, Any], known: KnownRepository) -> MergedConfig:
    """The stored build_config with what was sent. Raises Invalid for an unknown id.

    A repository that is disabled answers all its tag_configs as inactive: sent back like that they stay as
    they were, and one that is sent as active ends that it is disabled.
    """
    data = {**stored, **{name: value for name, value in sent.items() if name not in ONLY_READ}}
    before = dict(zip(known.ids.tag_configs, stored["tag_configs"], strict=True))
    if "tag_configs" not in sent:
        return MergedConfig(document=data, ids=known.ids.tag_configs, activates=False)
    given = sent["tag_configs"]
    activates = isinstance(given, list) and any(
        isinstance(one, Mapping) and one.get("is_active") is True for one in given
    )
    hidden = known.override.disabled is not None and not activates
    data["tag_configs"], ids = _tag_configs(given, before, keep_active=hidden)
    return MergedConfig(document=data, ids=ids, activates=activates)


def _tag_configs(
    given: object, before: Mapping[int, Mapping[str, Any]], *, keep_active: bool = False
) -> tuple[object, tuple[int | None, ...]]:
    """The tag_configs without ids, and their ids; what is no list of mappings is left to the check."""
    if not isinstance(given, list):
        return given, ()
    found: list[object] = []
    ids: list[int | None] = []
    problems: list[str] = []
    for index, one in enumerate(given):
        if not isinstance(one, Mapping):
            found.append(one)
            ids.append(None)
            continue
        number = one.get("id")
        kept: Mapping[str, Any] = {}
        place = f"build_config.tag_configs[{index}].id"
        if type(number) is int and number in before:
            kept = before[number]
            if number in ids:
                problems.append(f"{place}: {number} is given twice: leave it out for a new one")
        elif number is not None:
            cure = (
                f"its ids are {', '.join(map(str, before))}" if before else "leave the id out for a new one"
            )
            problems.append(f"{place}: {str(number)[:20]} is no tag_config of this repository: {cure}")
        unsent = TAG_ONLY_READ | ({"is_active"} if keep_active and kept else frozenset())
        found.append({**kept, **{name: value for name, value in one.items() if name not in unsent}})
        ids.append(number if kept else None)
    if problems:
        raise Invalid(problems)
    return found, tuple(ids)
