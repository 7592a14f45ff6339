"""Makes, repairs and verifies the webhook of one source in repositories of its host, by the host's API.

No other webhook than ours is touched.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import quote, urlsplit

from bridge.config.forge_api import ForgeApiSettings
from bridge.errors import RemoteError, Transient
from bridge.forges.host_api import HostApi
from bridge.forges.own_webhook import address_of, our_webhook
from bridge.forges.webhooks import Difference, Hook, LastAnswer, Wanted, Webhooks


class Step(StrEnum):
    """What is to be done in a repository."""

    CREATE = "create"
    REPAIR = "repair"
    KEEP = "keep"
    CANNOT = "cannot"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be done in one repository; `why` is for what cannot be, `hook` is the one that is there."""

    repository: str
    step: Step
    differences: Sequence[Difference] = ()
    hook: Hook | None = None
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """How the webhook of a repository is: `problem` is a sentence, "" where nothing is wrong.

    `differences` are what a repair would change. `answer` is what the host got for its last delivery; None
    where it has none, or does not say.
    """

    repository: str
    problem: str = ""
    differences: Sequence[Difference] = ()
    answer: LastAnswer | None = None


class WebhookSetup:
    """The webhooks of one source; `public_url` is where hosts reach us, and `api` a `completed` setting."""

    def __init__(
        self, webhooks: Webhooks, api: ForgeApiSettings, source: str, secret: str, public_url: str
    ) -> None:
        self._webhooks = webhooks
        self._source = source
        self._api = HostApi(webhooks, api, source, secret)
        address, by_tls = address_of(public_url, source), public_url.startswith("https:")
        self._wanted = Wanted(address=address, secret=secret, by_tls=by_tls)

    @property
    def address(self) -> str:
        """The address of the webhooks."""
        return self._wanted.address

    async def plan(self, repository: str, *, renew: bool = False) -> Plan:
        """What is to be done; with `renew` the secret is set again in any case. Raises nothing."""
        if why := self._webhooks.unfit(self._wanted.secret):
            return Plan(repository=repository, step=Step.CANNOT, why=why)
        try:
            hook = await our_webhook(self._webhooks, self._api, repository, self.address)
        except RemoteError as error:
            return Plan(repository=repository, step=Step.CANNOT, why=str(error))
        if hook is None:
            return Plan(repository=repository, step=Step.CREATE)
        found = self._differences(hook)
        if renew and not self._webhooks.changes_secret:
            why = f"{self._webhooks.peer} keeps the secret: delete the webhook at the host, run this again"
            return Plan(repository=repository, step=Step.CANNOT, hook=hook, why=why)
        if renew and all(one.what != "secret" for one in found):
            found.append(Difference("secret"))
        if not found and hook.stopped:
            return Plan(repository=repository, step=Step.CANNOT, hook=hook, why=hook.stopped)
        step = Step.REPAIR if found else Step.KEEP
        return Plan(repository=repository, step=step, differences=found, hook=hook)

    async def carry_out(self, plan: Plan) -> str:
        """Do it, and say what the host answered. Raises RemoteError."""
        path, method = self._webhooks.path(plan.repository), "POST"
        if plan.hook is not None:
            path, method = f"{path}/{_quoted(plan.hook.id)}", self._webhooks.updates_by
        reply = await self._api.call(method, path, self._webhooks.document(self._wanted, plan.hook))
        made = self._webhooks.hook(reply.data)
        if made is None:
            raise Transient(f"{self._webhooks.peer} answered {reply.status}, and not what its API says")
        said = f"{self._webhooks.peer} answered {reply.status}: webhook {made.id}"
        return f"{said}; {made.stopped}" if made.stopped else said

    async def verify(self, repository: str) -> Found:
        """Whether the webhook is there, sends, and was answered well. Raises nothing."""
        try:
            hook = await our_webhook(self._webhooks, self._api, repository, self.address)
            if hook is None:
                problem = (
                    f"there is no webhook with this address: `buildbridge connect {self._source}` makes it"
                )
                return Found(repository=repository, problem=problem)
            answer = hook.answer or await self._last_answer(repository, hook)
        except RemoteError as error:
            return Found(repository=repository, problem=str(error))
        problem = hook.stopped
        found = self._differences(hook)
        if found:
            problem = f"the webhook is not as it has to be: `buildbridge connect {self._source}` repairs it"
        elif answer is not None and not answer.good and not problem:
            words = self._api.said(answer.words)
            status = answer.status if answer.status is not None else "nothing"
            problem = f"the last delivery was answered with {status}{f': {words}' if words else ''}"
        return Found(repository=repository, problem=problem, differences=found, answer=answer)

    async def _last_answer(self, repository: str, hook: Hook) -> LastAnswer | None:
        """The one that is kept elsewhere; None also where older releases do not show it."""
        path = self._webhooks.answers_path(repository, hook)
        if path is None:
            return None
        try:
            return self._webhooks.last_answer((await self._api.call("GET", path)).data)
        except RemoteError:
            return None

    def _differences(self, hook: Hook) -> list[Difference]:
        moved = [] if hook.address == self.address else [Difference("address", _without_query(hook.address))]
        return moved + self._webhooks.differences(hook, self._wanted)


def _without_query(address: str) -> str:
    """The address without what may be a secret in it."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _quoted(id: str) -> str:  # noqa: A002  # the field's name
    return quote(id, safe="")
