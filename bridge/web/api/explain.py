"""The call that explains: what its body may be, and what it answers."""

from typing import Annotated, Any, cast

from anyio import to_thread
from pydantic import Field

from bridge.config.types import Strict
from bridge.forges.request import Request, headers_of
from bridge.model.access import Principal
from bridge.model.event import Ref
from bridge.rules.explain import stored_documents
from bridge.runtime.redaction import masked, without_secrets
from bridge.web.api.core.errors import Invalid
from bridge.web.api.core.explain import Explainer, Explanation
from bridge.web.api.explanation_documents import ExplanationDocument, explanation_documents
from bridge.web.api.queries import Name

_Text = Annotated[str, Field(max_length=1 << 16)]
_Word = Annotated[str, Field(min_length=1, max_length=4096)]


class PastedDelivery(Strict):
    """A delivery as a Git host sent it."""

    headers: Annotated[dict[_Word, _Text], Field(max_length=100)]
    """Its headers."""
    body: str
    """Its body, to the letter."""
    source: Name | None = None
    """The source that it is for; if left out, the headers must say which Git host it is from."""


class InventedPush(Strict):
    """A push that never was: of a branch or of a tag."""

    code_repo_client: Name
    """The kind of Git host, as in rules."""
    repository: _Word
    """The repository as its host calls it, or its clone address where rules name that."""
    branch: _Word | None = None
    """The branch that was pushed."""
    tag: _Word | None = None
    """The Git tag that was pushed."""
    changed: Annotated[tuple[_Word, ...], Field(strict=False, max_length=10_000)] = ()
    """The files that were changed; if left out, no one knows which."""
    message: _Text = ""
    """The message of the head commit."""
    source: Name | None = None
    """The source that it is pushed to; if left out, the only one of that kind, or any of them."""

    @property
    def ref(self) -> Ref:
        """Raises Invalid."""
        match self.branch, self.tag:
            case str(name), None:
                return Ref("branch", name)
            case None, str(name):
                return Ref("tag", name)
            case _:
                raise Invalid(["push: give one of branch and tag"])


class ExplainOrder(Strict):
    """What to explain: one of delivery, delivery_id and push."""

    delivery: PastedDelivery | None = None
    """A delivery that was received elsewhere."""
    delivery_id: Name | None = None
    """The id of a stored delivery."""
    push: InventedPush | None = None
    """A push that never was."""
    rules: str | dict[str, Any] | None = None
    """Rules in place of those in force: the YAML text of some, or one as a mapping; at most 256 KiB."""


async def explained(
    explainer: Explainer, caller: Principal, order: ExplainOrder
) -> list[ExplanationDocument]:
    """The answer, in which nothing stands that looks like a secret. Raises what `explainer` does."""
    return await to_thread.run_sync(_documents, await _asked(explainer, caller, order))


def _documents(found: Explanation) -> list[ExplanationDocument]:
    documents = explanation_documents(found.reading, stored_documents(found.evaluations), found.rules)
    return cast(list[ExplanationDocument], without_secrets(documents, masked))


async def _asked(explainer: Explainer, caller: Principal, order: ExplainOrder) -> Explanation:
    match order:
        case ExplainOrder(delivery=PastedDelivery() as pasted, delivery_id=None, push=None):
            headers = headers_of((name.lower(), value) for name, value in pasted.headers.items())
            request = Request(headers, pasted.body.encode())
            return await explainer.pasted(caller, request, pasted.source, order.rules)
        case ExplainOrder(delivery=None, delivery_id=str(delivery_id), push=None):
            return await explainer.stored(caller, delivery_id, order.rules)
        case ExplainOrder(delivery=None, delivery_id=None, push=InventedPush() as push):
            return await explainer.invented(
                caller,
                client=push.code_repo_client,
                repository=push.repository,
                ref=push.ref,
                changed=push.changed,
                message=push.message,
                source=push.source,
                given=order.rules,
            )
        case _:
            raise Invalid(["give one of delivery, delivery_id and push"])
