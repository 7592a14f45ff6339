"""The API of CodeArts over a store, with two jobs of rules."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from support.api import api_of, bearer, client_of, issue
from support.keeping import keeper_of
from support.scripted import Store, quiet

from bridge.config.notices import NoticeSetting
from bridge.config.settings import CodeArtsSettings
from bridge.model.access import Role
from bridge.model.build import Build, BuildState
from bridge.web.api.codearts.ids import build_project_id_of, job_id_of, project_id_of

SHOP, TOOL = ("acme", "shop"), ("acme", "tool.v2")
JOB, PROJECT, BUILD_PROJECT = job_id_of(SHOP), project_id_of("acme"), build_project_id_of(SHOP)
RULES = """
namespace: acme
repo_name: {name}
is_public: {public}
build_config:
  code_repo_client: Simple
  code_repo_clone_url: "https://git.example.com/{name}.git"
  parameters: {{FLAVOUR: vanilla, TARGET: "{{branch}}"}}
  tag_configs:
    - {{code_repo_type: branch, code_repo_type_value: main, docker_repo_tag: latest}}
    - {{code_repo_type: tag, code_repo_type_value: "**", docker_repo_tag: "{{tag}}"}}
"""


def rule_files(store: Store) -> Path:
    """A folder with the rules of both jobs."""
    folder = store.path.parent / "rules"
    folder.mkdir(exist_ok=True)
    for _, name in (SHOP, TOOL):
        public = str(name == "shop").lower()
        (folder / f"{name}.yaml").write_text(RULES.format(name=name, public=public))
    return folder


@asynccontextmanager
async def jobs(
    store: Store,
    *,
    settings: CodeArtsSettings | None = None,
    notices: Sequence[NoticeSetting] = (),
    **more: Any,
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a member of acme, whose jobs are acme/shop, which is public, and acme/tool.v2."""
    keeper = await keeper_of(store, rule_files(store), notices)
    api = api_of(store, keeper=keeper, codearts=settings or CodeArtsSettings(), **more)
    async with client_of(api) as client:
        client.headers.update(await member(store))
        yield client


async def member(store: Store, *namespaces: str) -> Mapping[str, str]:
    return bearer(await issue(store, Role.MEMBER, *(namespaces or ("acme",))))


async def ended(store: Store, build: Build, state: BuildState = BuildState.SUCCEEDED, **change: Any) -> None:
    """It waited 3 s and ran 20 s."""
    await store.builds.transition(build.run_id, BuildState.TRIGGERING, quiet)
    started = build.enqueued_at + 3
    await store.builds.transition(build.run_id, BuildState.RUNNING, quiet, started_at=started)
    await store.builds.transition(build.run_id, state, quiet, ended_at=started + 20, **change)


def error(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of an error."""
    assert set(answer.json()) == {"error_code", "error_msg"}
    return answer.status_code, answer.json()["error_code"]
