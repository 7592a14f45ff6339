"""Repositories as the API stores them, and changes of them."""

import json
from typing import Any

from support.scripted import START
from support.trail import change_by

from bridge.model.repository import (
    NO_OVERRIDE,
    Disabled,
    NoticesSet,
    Override,
    RepositoryChange,
    StoredRepository,
    StoredRules,
)

DISABLED = Override(disabled=Disabled(by="bob", at=START + 60, reason="it costs too much"))


def tag_config_document(value: str = "master", **more: Any) -> dict[str, Any]:
    return {"code_repo_type": "branch", "code_repo_type_value": value, "docker_repo_tag": "latest", **more}


def document(name: str = "tool", *tag_configs: dict[str, Any], **more: Any) -> dict[str, Any]:
    """What a rule file would hold; `more` are keys of `build_config`."""
    config = {
        "code_repo_client": "Gitee",
        "code_repo_namespace": "acme",
        "code_repo_name": name,
        "tag_configs": list(tag_configs) or [tag_config_document()],
    }
    return {"namespace": "acme", "repo_name": name, "build_config": config | more}


def stored(data: dict[str, Any] | str, by: str = "alice") -> StoredRepository:
    name = "tool" if isinstance(data, str) else data["repo_name"]
    text = data if isinstance(data, str) else json.dumps(data)
    return StoredRepository(
        key=("acme", name), document=text, created_by=by, created_at=START, updated_at=START
    )


def stored_rules(*documents: dict[str, Any] | str, **overrides: Override) -> StoredRules:
    """`overrides` are those of acme/NAME."""
    return StoredRules(
        repositories={one.key: one for one in map(stored, documents)},
        overrides={("acme", name): override for name, override in overrides.items()},
    )


def put(data: dict[str, Any], *ids: int | None, override: Override = NO_OVERRIDE) -> RepositoryChange:
    """The change that stores a repository; `ids` are those of its tag_configs."""
    one = stored(data)
    return RepositoryChange(
        key=one.key, entry=change_by("alice"), repository=one, tag_config_ids=ids or None, override=override
    )


def notices_set(*notices: dict[str, Any]) -> Override:
    return Override(notices=NoticesSet(by="carol", at=START + 120, notices=json.dumps(notices)))
