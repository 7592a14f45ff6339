"""What a delivery says that happened: a pasted one, a stored one, or an invented push.

The API and the command line read them alike, to explain what rules make of them; nothing is built.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from anyio import to_thread

from bridge.config.forges import ForgeTraits, former_kinds
from bridge.config.settings import SourceSettings
from bridge.errors import BadSignature, DeliveryError, NoSignature
from bridge.forges.base import Forge
from bridge.forges.request import Request
from bridge.model.delivery import Delivery
from bridge.model.event import Commit, Ignored, PushEvent, Ref, Repo
from bridge.planning.ref_moves import beside_history, moves_of
from bridge.rules.match import RuleSet
from bridge.store.base import Deliveries

NOT_BY_ADDRESS: Final = "name the repository as its host calls it, not by an address"

Signature = Literal["valid", "invalid", "absent", "unchecked"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What happened to each ref by a delivery of a Git host that came `at`, in Unix seconds.

    `source` is where it came from; None where no one knows.
    """

    forge: Forge
    source: str | None
    signature: Signature
    events: Sequence[PushEvent | Ignored]
    at: float


def sender_of(
    request: Request,
    source: str | None,
    *,
    forges: Mapping[str, Forge],
    sources: Mapping[str, SourceSettings],
    option: str,
) -> tuple[Forge, dict[str, SourceSettings]]:
    """The forge whose delivery this is, and the sources that it may have come to.

    It is that of `source`, else the one whose marks the headers have. Raises DeliveryError; a source can then
    be named with `option`.
    """
    if source is not None:
        if source not in sources:
            raise DeliveryError(f"there is no source {source[:80]}: name one of bridge.yaml, or leave it out")
        return forges[sources[source].kind], {source: sources[source]}
    found = next((forge for forge in forges.values() if forge.recognises(request)), None)
    if found is None:
        raise DeliveryError(f"no known Git host sends such a delivery: name one of yours with {option}")
    return found, {name: one for name, one in sources.items() if one.kind == found.kind}


def read_pasted(
    request: Request, forge: Forge, senders: Mapping[str, SourceSettings], now: float, *, verifies: bool
) -> Reading:
    """The delivery as of now, of the one of the `senders` whose secret proves it, or of the only one.

    Unless the caller `verifies`, its signature is unchecked. Raises DeliveryError.
    """
    signature: Signature = "unchecked"
    source = next(iter(senders)) if len(senders) == 1 else None
    for name, sender in senders.items() if verifies else ():
        signature = _signature(request, forge, sender.credentials, now)
        if signature == "valid":
            source = name
            break
    return Reading(forge=forge, source=source, signature=signature, events=forge.parse(request), at=now)


def _signature(request: Request, forge: Forge, secrets: Sequence[bytes], now: float) -> Signature:
    try:
        forge.verify(request, secrets, now)
    except NoSignature:
        return "absent"
    except BadSignature:
        return "invalid"
    return "valid"


async def read_stored(delivery: Delivery, forge: Forge, rules: RuleSet, deliveries: Deliveries) -> Reading:
    """The delivery, which was verified when it came, beside what is known of its refs by now.

    Raises DeliveryError.
    """
    events = await to_thread.run_sync(forge.parse, Request(delivery.headers, delivery.body))
    for index, event in enumerate(events):
        for move in moves_of(forge.kind, event, rules, delivery.source):
            known = events[index]
            if isinstance(known, PushEvent) and not known.unseen:
                events[index] = beside_history(known, move, await deliveries.moves(move.code, move.ref))
    return Reading(
        forge=forge, source=delivery.source, signature="valid", events=events, at=delivery.received_at
    )


def read_invented(forge: Forge, event: PushEvent, now: float, source: str | None) -> Reading:
    """A push that never was, as if the source had received it."""
    return Reading(forge=forge, source=source, signature="unchecked", events=[event], at=now)


def invented_push(
    repository: str, ref: Ref, changed: Sequence[str], message: str, *, by_clone_url: bool
) -> PushEvent:
    """A push of this ref; nothing in `changed`: no one knows which files.

    `repository` is a clone address if the kind of host goes `by_clone_url`, else as its host calls it.
    """
    sha = hashlib.sha1(f"{repository}@{ref.full}".encode(errors="replace"), usedforsecurity=False).hexdigest()
    return PushEvent(
        event="tag" if ref.kind == "tag" else "push",
        repo=Repo(full_name=repository, clone_url=repository if by_clone_url else None),
        ref=ref,
        sha=sha,
        commit=Commit(sha=sha, message=message),
        changed=tuple(changed) or None,
    )


def kinds_by_word(forges: Mapping[str, ForgeTraits]) -> dict[str, str]:
    """The kinds of Git hosts by the words for them, in lower case."""
    words = {kind: kind for kind in forges} | former_kinds(forges)
    return {word.lower(): kind for word, kind in words.items()}
