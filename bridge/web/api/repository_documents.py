"""Repositories as JSON documents, for the APIs and for the command line alike."""

from collections.abc import Sequence
from typing import Literal

from pydantic import GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema
from typing_extensions import TypedDict

from bridge.config.notices import NoticeSetting
from bridge.model.event import RefKind
from bridge.model.notice import EventName
from bridge.rules.in_force import KnownRepository
from bridge.rules.schema import BuildConfig, BuildRepository
from bridge.rules.tag_config import TagConfig, VersionTagging
from bridge.runtime.clock import when
from bridge.web.api.core.documents import ONLY_READ, TAG_ONLY_READ
from bridge.web.api.operation import Document


class NewRepository(Document):
    """What a rule file would hold; the namespace is that of the address."""

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        made = _resolved(BuildRepository.__pydantic_core_schema__, handler)
        return made | {"required": ["repo_name", "build_config"], "description": cls.__doc__}


class ChangedBuildConfig(Document):
    """What is to change of a build_config; what only answers have may be sent back, without effect.

    A tag_config with an id changes that one, and keeps what is not sent of it.
    """

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        made = _resolved(BuildConfig.__pydantic_core_schema__, handler)
        tag = _resolved(TagConfig.__pydantic_core_schema__, handler)
        tag_keys = tag["properties"] | {name: {"type": "integer"} for name in sorted(TAG_ONLY_READ)}
        tags = made["properties"]["tag_configs"] | {"items": tag | {"properties": tag_keys, "required": []}}
        keys = made["properties"] | {name: {} for name in sorted(ONLY_READ)} | {"tag_configs": tags}
        return made | {"properties": keys, "required": [], "description": cls.__doc__}


def _resolved(schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
    return handler.resolve_ref_schema(handler(schema))


class TagConfigDocument(TypedDict):
    """A tag_config, as Alauda's repositories API answers it."""

    id: int
    docker_build_config_id: int
    """The id of its build_config."""
    docker_repo_tag: str
    dockerfile_location: str
    code_repo_type: RefKind
    code_repo_type_value: str | list[str]
    is_active: bool
    version_tagging: VersionTagging
    """What is added to the tags: 0 nothing, 1 a version made of the time, 2 the commit id."""
    build_context_path: str


class BuildConfigDocument(TypedDict):
    """A build_config, as Alauda's repositories API answers it; what has no meaning here is null."""

    id: int
    docker_repo_path: str
    """The image, without a tag."""
    code_repo_client: str
    """The kind of Git host."""
    code_repo_path: str | None
    """The code repository, as its host calls it."""
    code_repo_webhook_code: None
    code_repo_public_key: None
    created_by: str | None
    """Who made the repository by API; null for one of a file."""
    build_node: str | None
    """A word of the rule, without effect."""
    email_enabled: bool
    code_repo_path_url: str | None
    """The page of the code."""
    deploy_url: None
    tag_configs: list[TagConfigDocument]


class RepositoryDocument(TypedDict):
    """A repository, as Alauda's repositories API answers it.

    What has no meaning here is null. Nothing is starred, downloaded or uploaded here, so these counts are 0,
    and every repository is automated. Of a repository in a file no one is known who made it, and no time.
    """

    repo_starred_count: int
    namespace: str
    logo_file: None
    repo_path: str
    repo_name: str
    description: str
    full_description: str
    created_by: str | None
    """Who made it by API; null for one of a file."""
    created_at: str | None
    updated_at: str | None
    is_public: bool
    is_automated: bool
    download: int
    upload: int
    pulled_at: None
    pushed_at: None
    build_config: BuildConfigDocument


class ChangedDocument(TypedDict):
    """Who changed a setting by API, and when."""

    by: str
    at: str


class DisabledDocument(ChangedDocument):
    """Who disabled a repository by API, when and why."""

    reason: str


class RuleNoticeDocument(TypedDict):
    """A notice with the keys of a rule file."""

    notice_type: str | None
    channel: str | None
    enabled_event_type_names: list[EventName]
    only: Literal["always", "changes", "failures"]
    """Which results are sent: always all, changes between failure and success, or failures."""


class RepositoryStory(RepositoryDocument):
    """A repository with what is shown only to those who may read its namespace; null for others."""

    defined_at: str | None
    """The place of its rule, or who made it by API."""
    code_repo_source: str | None
    """The only source whose pushes build it; null where the rule names none."""
    disabled: DisabledDocument | None
    """Who disabled it by API; null while it is enabled."""
    notices: list[RuleNoticeDocument] | None
    """Its own notices; null where the default ones hold."""
    notices_set: ChangedDocument | None
    """Who set its notices by API; null where nobody did."""


def repository_document(known: KnownRepository) -> RepositoryDocument:
    repository, stored = known.repository, known.stored
    return {
        "repo_starred_count": 0,
        "namespace": repository.namespace,
        "logo_file": None,
        "repo_path": repository.path,
        "repo_name": repository.repo_name,
        "description": repository.description,
        "full_description": repository.full_description,
        "created_by": stored.created_by if stored else None,
        "created_at": when(stored.created_at) if stored else None,
        "updated_at": when(stored.updated_at) if stored else None,
        "is_public": repository.is_public,
        "is_automated": True,
        "download": 0,
        "upload": 0,
        "pulled_at": None,
        "pushed_at": None,
        "build_config": build_config_document(known),
    }


def build_config_document(known: KnownRepository) -> BuildConfigDocument:
    config, number = known.repository.build_config, known.ids.build_config
    return {
        "id": number,
        "docker_repo_path": known.repository.image,
        "code_repo_client": config.client_as_written,
        "code_repo_path": config.code_path,
        "code_repo_webhook_code": None,
        "code_repo_public_key": None,
        "created_by": known.stored.created_by if known.stored else None,
        "build_node": config.build_node,
        "email_enabled": bool(config.email_enabled),
        "code_repo_path_url": known.code_page,
        "deploy_url": None,
        "tag_configs": [
            {
                "id": one_id,
                "docker_build_config_id": number,
                "docker_repo_tag": one.docker_repo_tag,
                "dockerfile_location": one.dockerfile_location,
                "code_repo_type": one.code_repo_type,
                "code_repo_type_value": (
                    value if isinstance(value := one.code_repo_type_value, str) else list(value)
                ),
                "is_active": one.is_active,
                "version_tagging": one.version_tagging,
                "build_context_path": one.build_context_path,
            }
            for one_id, one in zip(known.ids.tag_configs, config.tag_configs, strict=True)
        ],
    }


def repository_story(known: KnownRepository, *, trusted: bool) -> RepositoryStory:
    """`trusted` is for who may read the namespace of the repository."""
    disabled, changed = known.override.disabled, known.override.notices
    notices = known.repository.notices
    return {
        **repository_document(known),
        "defined_at": known.place if trusted else None,
        "code_repo_source": known.repository.build_config.code_repo_source if trusted else None,
        "disabled": (
            {"by": disabled.by, "at": when(disabled.at), "reason": disabled.reason}
            if trusted and disabled
            else None
        ),
        "notices": notices_document(notices) if trusted else None,
        "notices_set": {"by": changed.by, "at": when(changed.at)} if trusted and changed else None,
    }


def notices_document(notices: Sequence[NoticeSetting] | None) -> list[RuleNoticeDocument] | None:
    if notices is None:
        return None
    return [
        {
            "notice_type": one.notice_type,
            "channel": one.channel,
            "enabled_event_type_names": list(one.events),
            "only": one.only,
        }
        for one in notices
    ]
