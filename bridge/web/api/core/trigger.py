"""Builds that a caller asks for: a ref at a commit, as if it had been pushed, but for one repository only."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import anyio
from anyio import to_thread

from bridge.errors import BadPayload, RemoteError
from bridge.forges.push import check_ref_name
from bridge.model.access import Principal, Role
from bridge.model.audit import Action, Change
from bridge.model.build import Build
from bridge.model.delivery import DeliveryState
from bridge.model.event import RefKind
from bridge.model.variables import steers_programs
from bridge.planning.ref_history import head
from bridge.rules.lending import Lending
from bridge.rules.manual import ManualPush
from bridge.rules.schema import BuildRepository
from bridge.rules.tag_config import TagConfig
from bridge.runtime.clock import Clock
from bridge.runtime.git.access import CloneAccess
from bridge.runtime.git.remote import newest_commit
from bridge.store.base import Store
from bridge.web.api.core.access import require_in
from bridge.web.api.core.errors import Conflict, Invalid, Unavailable

DECIDE_SECONDS: Final = 10.0
"""How long a caller waits until its builds are made; they are made in any case."""
MAX_VALUE: Final = 8192
MAX_NAMED: Final = 20
"""How many parameters a refusal names."""
_LOOK_SECONDS: Final = 0.02
_COMMIT: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What to build: a ref by its kind and name, at a commit or, without one, at the newest known.

    With `docker_repo_tag`, as a tag configuration has it, only what that one builds. `parameters` take the
    place of those of the rule.
    """

    ref_kind: RefKind
    ref_name: str
    commit: str | None = None
    docker_repo_tag: str | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)


class BuildTrigger:
    """Makes the builds that callers ask for; `wake` is called after each order.

    `access_of` says which source lends what for the code of a repository at an address.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        wake: Callable[[], None],
        access_of: Callable[[BuildRepository, str], tuple[Lending, CloneAccess | None]],
    ) -> None:
        self._store = store
        self._access_of = access_of
        self._clock = clock
        self._wake = wake

    async def trigger(
        self,
        caller: Principal,
        repository: BuildRepository,
        order: Order,
        origin: str,
        claim_id: str | None = None,
    ) -> list[Build]:
        """The builds that are made now; `origin` is from where it is asked for, for the audit trail.

        With the id of a claimed idempotency key they are made once. Raises Forbidden, Invalid for what is not
        declared, Conflict where nothing is to be built, and Unavailable where that is not known yet.
        """
        require_in(caller, Role.MEMBER, repository.namespace)
        if claim_id is not None and await self._store.deliveries.get(claim_id) is not None:
            return await self._made(claim_id)
        _check(repository, order)
        clone_url, commit = await self._code(repository, order)
        push = ManualPush(
            namespace=repository.namespace,
            repo_name=repository.repo_name,
            full_name=repository.build_config.code,
            clone_url=clone_url,
            ref_kind=order.ref_kind,
            ref_name=order.ref_name,
            sha=commit,
            by=caller.name,
            docker_repo_tag=order.docker_repo_tag,
            parameters=order.parameters,
        )
        delivery = push.delivery(self._clock(), claim_id)
        change = Change(
            who=caller,
            action=Action.BUILD_TRIGGERED,
            subject=repository.path,
            origin=origin,
            after={"delivery_id": delivery.id, "ref": order.ref_name, "commit": commit},
        )
        await self._store.deliveries.order(delivery, change)
        self._wake()
        return await self._made(delivery.id)

    async def _code(self, repository: BuildRepository, order: Order) -> tuple[str, str]:
        """Where the code is, and the commit to build. Raises Conflict where that is not known."""
        config = repository.build_config
        known = await self._store.schedules.branch(
            config.code_repository, order.ref_name, repository.namespace, repository.repo_name
        )
        clone_url = config.code_repo_clone_url or known.clone_url
        if clone_url is None:
            raise Conflict(
                "no push has named the clone URL yet: push once, or name it where the bridge runs: "
                f"`buildbridge builds trigger {repository.path} --clone-url …`"
            )
        commit = order.commit or (head(known) if order.ref_kind == "branch" else None)
        if commit is None:
            lent, access = self._access_of(repository, clone_url)
            name = order.ref_name
            try:
                commit = await to_thread.run_sync(
                    newest_commit, clone_url, order.ref_kind, name, access, lent.source
                )
            except RemoteError as error:
                raise Conflict(f"{error}; nothing was lent: {lent.why}" if lent.why else str(error)) from None
        return clone_url, commit

    async def _made(self, delivery_id: str) -> list[Build]:
        with anyio.move_on_after(DECIDE_SECONDS):
            while True:
                found = await self._store.deliveries.get(delivery_id)
                if found is not None and found[0].state is not DeliveryState.STORED:
                    break
                await anyio.sleep(_LOOK_SECONDS)
        builds = await self._store.builds.of_delivery(delivery_id)
        if builds:
            return builds
        if found is None or found[0].state is DeliveryState.STORED:
            raise Unavailable(f"the build is asked for as delivery {delivery_id}, and made soon: look there")
        raise Conflict(f"nothing is built: {found[0].detail}; see delivery {delivery_id}")


def config_of_tag(repository: BuildRepository, tag: str) -> TagConfig:
    """The first tag configuration that writes this tag. Raises Invalid."""
    configs = repository.build_config.tag_configs
    found = next((config for config in configs if config.docker_repo_tag == tag), None)
    if found is None:
        known = ", ".join(config.docker_repo_tag for config in configs)
        raise Invalid([f"tag: no tag configuration of {repository.path} has {tag[:128]}: it has {known}"])
    return found


def order_of(repository: BuildRepository, tag: str | None, branch: str | None, commit: str | None) -> Order:
    """What to build for a tag as a tag configuration has it, for a branch, or for both.

    Raises Invalid, and Conflict for a tag whose configuration stands for several names, without a branch.
    """
    if tag is None:
        if branch is None:
            raise Invalid(["give tag, as a tag configuration has it, or branch"])
        return Order(ref_kind="branch", ref_name=branch, commit=commit)
    config = config_of_tag(repository, tag)
    if branch is None:
        name = ref_of(config)
    elif config.code_repo_type == "branch":
        name = branch
    else:
        raise Invalid([f"branch: {tag} is built of tags: leave branch out"])
    return Order(ref_kind=config.code_repo_type, ref_name=name, commit=commit, docker_repo_tag=tag)


def first_active_branch(repository: BuildRepository) -> TagConfig:
    """The first active configuration for a branch. Raises Conflict."""
    for config in repository.build_config.tag_configs:
        if config.code_repo_type == "branch" and config.is_active:
            return config
    raise Conflict(f"no branch of {repository.path} is built: name a branch or a tag")


def ref_of(config: TagConfig) -> str:
    """The one ref that the configuration is for. Raises Conflict where there are several."""
    if (name := config.refs.only_name) is None:
        raise Conflict(
            f"{config.refs} stands for several {config.code_repo_type} names: give the one to build"
        )
    return name


def _check(repository: BuildRepository, order: Order) -> None:
    problems = []
    try:
        check_ref_name(order.ref_name)
    except BadPayload as error:
        problems.append(str(error))
    if order.commit is not None and not _COMMIT.fullmatch(order.commit):
        problems.append("the commit id is not 40 or 64 hexadecimal digits")
    declared = repository.build_config.parameters
    for name, value in order.parameters.items():
        if name not in declared:
            known = ", ".join(sorted(declared)[:MAX_NAMED]) or "none"
            problems.append(
                f"{name[:128]} is no parameter of {repository.path}, which has {known}: "
                "add it to `parameters`"
            )
        elif steers_programs(name):
            problems.append(f"{name} can be given to no build: it would decide which programs run")
        elif len(value) > MAX_VALUE:
            problems.append(f"the value of {name} is over {MAX_VALUE} characters")
    if problems:
        raise Invalid(problems)
