"""Makes, repairs and verifies the webhook of one source in repositories of its host, by the host's API.

No other webhook than ours is touched.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final
from urllib.parse import quote

from bridge.config.forge_api import ForgeApiSettings
from bridge.errors import Permanent, RemoteError, Transient
from bridge.forges.host_api import PATIENCE, HostApi, Missing
from bridge.forges.own_webhook import SourceWebhooks, address_of, only, shown, webhooks_of
from bridge.forges.webhooks import Difference, Hook, LastAnswer, Wanted, Webhooks

_DELIVERY_BYTES: Final = 32 << 20
"""GitLab sends bodies of up to 25 MB, and shows them beside the answer."""


class Step(StrEnum):
    """What is to be done in a repository."""

    CREATE = "create"
    REPAIR = "repair"
    REPLACE = "replace"
    KEEP = "keep"
    CANNOT = "cannot"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be done in one repository; `why` is for what cannot be, `hook` is the one that is there.

    `former` are those that are deleted once a new one is made in their place. `others` are the addresses of
    webhooks that lead to other hosts by the path of the source.
    """

    repository: str
    step: Step
    differences: Sequence[Difference] = ()
    hook: Hook | None = None
    former: Sequence[Hook] = ()
    others: Sequence[str] = ()
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """How the webhook of a repository is: `problem` is a sentence, "" where nothing is wrong.

    `differences` are what a repair would change. `answer` is what the host got for its last delivery; None
    where it has none, or does not say. `hook` and `others` are as in Plan.
    """

    repository: str
    hook: Hook | None = None
    problem: str = ""
    differences: Sequence[Difference] = ()
    answer: LastAnswer | None = None
    others: Sequence[str] = ()


class WebhookSetup:
    """The webhooks of one source; `public_url` is where hosts reach us, and `api` a `completed` setting.

    `patience` is as for HostApi.
    """

    def __init__(
        self,
        webhooks: Webhooks,
        api: ForgeApiSettings,
        source: str,
        secret: str,
        public_url: str,
        *,
        patience: float = PATIENCE,
    ) -> None:
        self._webhooks = webhooks
        self._source = source
        self._api = HostApi(webhooks, api, source, secret, patience)
        address, by_tls = address_of(public_url, source), public_url.startswith("https:")
        self._wanted = Wanted(address=address, secret=secret, by_tls=by_tls)

    @property
    def address(self) -> str:
        """The address of the webhooks."""
        return self._wanted.address

    async def plan(self, repository: str, *, renew: bool = False, former: str = "") -> Plan:
        """What is to be done. Raises nothing.

        With `renew` the secret is set again in any case. The webhook with the address `former` is taken over;
        where ours is there, too, a takeover may have been cut short, and goes on if the host makes new ones.
        """
        if why := self._webhooks.unfit(self._wanted.secret):
            return Plan(repository=repository, step=Step.CANNOT, why=why)
        try:
            found = await self._found(repository)
            former_hooks = [one for one in found.at(former) if one not in found.ours] if former else []
            if len({one.address for one in former_hooks}) > 1:
                only(former_hooks)
            hooks = [*found.ours, *former_hooks]
            if former and not hooks:
                raise Permanent(f"there is no webhook with the address {former}")
            sets_secret = renew or bool(former_hooks) or not found.ours
            # A new one takes the place of several, too: so a replacement that was cut short goes on.
            replaces = sets_secret and bool(hooks) and not self._webhooks.changes_secret
            hook = hooks[0] if replaces and self._are_alike(hooks) else self._only(hooks)
        except RemoteError as error:
            return Plan(repository=repository, step=Step.CANNOT, why=str(error))
        others = [shown(one.address) for one in found.others if one not in hooks]
        plan = Plan(repository=repository, step=Step.CREATE, hook=hook, others=others)
        if hook is None:
            return plan
        differences = self._differences(hook)
        if sets_secret and all(one.what != "secret" for one in differences):
            differences.append(Difference("secret"))
        if replaces:
            return replace(plan, step=Step.REPLACE, differences=differences, former=hooks)
        if not differences and hook.stopped:
            return replace(plan, step=Step.CANNOT, why=hook.stopped)
        return replace(plan, step=Step.REPAIR if differences else Step.KEEP, differences=differences)

    async def carry_out(self, plan: Plan) -> str:
        """Do it, and say what the host answered. Raises RemoteError."""
        webhooks, path, method = self._webhooks, self._webhooks.path(plan.repository), "POST"
        document = webhooks.document(self._wanted, plan.hook)
        if plan.step is Step.REPLACE:
            # What a new one needs besides what is kept.
            document = {**webhooks.document(self._wanted, None), **document}
        elif plan.hook is not None:
            path, method = f"{path}/{_quoted(plan.hook.id)}", webhooks.updates_by
        reply = await self._api.call(method, path, document)
        made = webhooks.hook(reply.data)
        if made is None:
            raise Transient(f"{webhooks.peer} answered {reply.status}, and not what its API says")
        # Not before the new one is there: a push in between comes twice, and counts once.
        for hook in plan.former:
            await self._delete(plan.repository, hook, made)
        said = f"{webhooks.peer} answered {reply.status}: webhook {made.id}"
        return f"{said}; {made.stopped}" if made.stopped else said

    async def _delete(self, repository: str, hook: Hook, made: Hook) -> None:
        """Raises RemoteError."""
        try:
            await self._api.call("DELETE", f"{self._webhooks.path(repository)}/{_quoted(hook.id)}")
        except Missing:
            return
        except RemoteError as error:
            what = f"webhook {made.id} is made, and webhook {hook.id} may still be there"
            raise Permanent(f"{what}: delete it at the host; {error}") from None

    async def verify(self, repository: str) -> Found:
        """Whether the webhook is there, sends, and was answered well. Raises nothing."""
        try:
            found = await self._found(repository)
            others = [shown(one.address) for one in found.others]
            hook = self._only(found.ours)
            if hook is None:
                problem = (
                    f"there is no webhook with this address: `buildbridge connect {self._source}` makes it"
                )
                return Found(repository=repository, problem=problem, others=others)
            answer = hook.answer or await self._last_answer(repository, hook)
        except RemoteError as error:
            return Found(repository=repository, problem=str(error))
        problem = hook.stopped
        differences = self._differences(hook)
        if differences:
            problem = f"the webhook is not as it has to be: `buildbridge connect {self._source}` repairs it"
        elif answer is not None and not answer.good and not problem:
            words = self._api.said(answer.words)
            status = answer.status if answer.status is not None else "nothing"
            problem = f"the last delivery was answered with {status}{f': {words}' if words else ''}"
        return Found(
            repository=repository,
            hook=hook,
            problem=problem,
            differences=differences,
            answer=answer,
            others=others,
        )

    async def _last_answer(self, repository: str, hook: Hook) -> LastAnswer | None:
        """The one that is kept elsewhere; None also where older releases do not show it.

        Raises RemoteError.
        """
        path = self._webhooks.answers_path(repository, hook)
        if path is None:
            return None
        try:
            reply = await self._api.call("GET", path, most=_DELIVERY_BYTES)
        except Missing:
            return None
        return self._webhooks.last_answer(reply.data)

    async def _found(self, repository: str) -> SourceWebhooks:
        """Raises RemoteError."""
        return await webhooks_of(self._webhooks, self._api, repository, self.address)

    def _only(self, hooks: Sequence[Hook]) -> Hook | None:
        """Raises Permanent where there are more."""
        if self._webhooks.changes_secret:
            return only(hooks)
        if not self._are_alike(hooks):
            return only(hooks, "people have set them differently, so delete all but one at the host")
        # A replacement may have been cut short, and no one sees which of them has the secret.
        return only(
            hooks, f"`buildbridge connect {self._source} --renew-secret` makes a new one in their place"
        )

    def _are_alike(self, hooks: Sequence[Hook]) -> bool:
        """Whether one can take the place of all: it sends the same branches, with the same texts."""
        kept = [
            {**self._webhooks.document(self._wanted, one), "branch_filter": one.branch_filter, "events": ()}
            for one in hooks
        ]
        return all(one == kept[0] for one in kept)

    def _differences(self, hook: Hook) -> list[Difference]:
        moved = [] if hook.address == self.address else [Difference("address", shown(hook.address))]
        return moved + self._webhooks.differences(hook, self._wanted)


def _quoted(id: str) -> str:  # noqa: A002  # the field's name
    return quote(id, safe="")
