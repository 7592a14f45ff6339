"""Stored deliveries, and the facts that a receiver has to read from each.

A folder, or each folder in it, holds `expected.json`: a list of objects with `file`, `headers_file` (one
`Name: value` a line), `host`, the facts, `signature` (`valid` or `invalid`), `received_at` (ISO 8601, where
the scheme has a clock), `also_ok` (other values that will do, for single facts). A delivery of several refs
has an object for each, with `index` and `of`.
"""

import base64
import hmac
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from bridge.forges.base import Forge
from bridge.forges.request import Request
from bridge.model.event import Ignored, PushEvent
from bridge.registry import FORGES

HOSTS: dict[str, Forge] = {forge.host: forge for forge in FORGES.values()}
SECRETS = [b"a-secret-for-tests", b"whsec_4kJ3lEnBF8tmsQh4XR/6lb5MYiXLz6c8tTq5xvZN330="]
"""What the deliveries under `tests/forges/payloads` are signed with."""
CORPUS_SECRETS = [b"bridge-shared-secret", b"whsec_SQ+mtl3riWIOb5dbtdB9HaUVTRjTGvP/rzPwgxRL09Q="]
"""What the deliveries of the corpus are signed with."""
OWN = Path(__file__).parents[1] / "forges" / "payloads"
_SHOWN = (
    "event",
    "repo",
    "ref_kind",
    "ref_name",
    "sha",
    "before",
    "tag_object_sha",
    "author",
    "clone_url_http",
)
"""The facts that `explain` and the API show."""
_FACTS = (*_SHOWN, "peeled", "changed", "truncated", "forced")


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """A header that a forge checks, or with `in_body` a key of the body."""

    name: str
    covers_body: bool
    in_body: bool = False
    tolerance: int | None = None
    """Seconds that a signed time-stamp may be away from now, where the proof has one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """What the tests of all forges have to know of one: `contract.json` beside its deliveries."""

    proofs: Sequence[Proof]
    """The strongest first."""
    delivery_id: Literal["header", "body", "digest", "none"]
    """Where the id stands; a digest is made of the JSON text."""
    event_in_body: bool

    @classmethod
    def read(cls, host: str) -> "Contract":
        found = json.loads((OWN / host / "contract.json").read_text())
        return cls(**found | {"proofs": [Proof(**proof) for proof in found["proofs"]]})


CONTRACTS = {host: Contract.read(host) for host in HOSTS}


@dataclass(frozen=True, slots=True)
class Sample:
    """One stored delivery and what is expected of it."""

    folder: Path
    expected: dict[str, Any]
    name: str
    """The file of its headers, as it is found from the outermost folder."""

    @property
    def forge(self) -> Forge:
        return HOSTS[self.expected["host"]]

    @property
    def body(self) -> bytes:
        return self.folder.joinpath(str(self.expected["file"])).read_bytes()

    @property
    def is_form(self) -> bool:
        return str(self.expected["file"]).endswith(".body")

    @property
    def headers(self) -> dict[str, str]:
        lines = (self.folder / self.expected["headers_file"]).read_text("latin-1").splitlines()
        pairs = (line.partition(":") for line in lines if line)
        return {name.lower(): value.strip() for name, _, value in pairs}

    @property
    def received_at(self) -> float:
        moment = self.expected.get("received_at")
        return datetime.fromisoformat(moment).timestamp() if moment else 0.0

    @property
    def index(self) -> int:
        """Which of the refs that the delivery tells of."""
        return int(self.expected.get("index", 0))

    @property
    def count(self) -> int:
        """How many refs the delivery tells of."""
        return int(self.expected.get("of", 1))

    def __str__(self) -> str:
        return self.name


def samples(folder: Path) -> list[Sample]:
    """Every delivery in `folder`, one for each ref that it tells of."""
    return [
        Sample(file.parent, entry, str((file.parent / entry["headers_file"]).relative_to(folder)))
        for file in sorted(folder.rglob("expected.json"))
        for entry in json.loads(file.read_text())
    ]


def facts(event: PushEvent | Ignored) -> dict[str, Any]:
    """An event in the words of `expected.json`."""
    ref, repo = event.ref, event.repo
    common = {
        "event": event.event,
        "repo": repo and repo.full_name,
        "ref_kind": ref and ref.kind,
        "ref_name": ref and ref.name,
        "sha": event.sha,
        "before": event.before,
        "author": event.author,
        "clone_url_http": repo and repo.clone_url,
    }
    if isinstance(event, Ignored):
        return common
    return common | {
        "tag_object_sha": event.tag_object_sha,
        "peeled": event.peeled,
        "changed": None if event.changed is None else list(event.changed),
        "truncated": event.truncated,
        "forced": event.forced,
    }


def signatures(headers: Mapping[str, str], body: bytes) -> dict[str, str]:
    """What each scheme of the hosts makes of the body with `SECRETS`, by its name."""
    token, key = SECRETS[0], base64.b64decode(SECRETS[1].removeprefix(b"whsec_"))
    digest = hmac.digest(token, body, "sha256")
    identity = (headers.get(name, "").encode() for name in ("webhook-id", "webhook-timestamp"))
    standard = hmac.digest(key, b".".join((*identity, body)), "sha256")
    return {
        "token": token.decode(),
        "sha1": hmac.digest(token, body, "sha1").hex(),
        "sha1=": "sha1=" + hmac.digest(token, body, "sha1").hex(),
        "sha256": digest.hex(),
        "sha256=": "sha256=" + digest.hex(),
        "base64": base64.b64encode(digest).decode(),
        "standard": "v1," + base64.b64encode(standard).decode(),
    }


def misreadings(sample: Sample) -> dict[str, tuple[Any, Any]]:
    """Each expected fact that is read otherwise, as (expected, read)."""
    events = sample.forge.parse(Request(sample.headers, sample.body))
    if len(events) != sample.count:
        return {"of": (sample.count, len(events))}
    return _differing(facts(events[sample.index]), sample.expected, _FACTS)


def misshown(document: Mapping[str, Any], expected: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Each expected fact that an explanation shows otherwise, as (expected, shown)."""
    return _differing({name: document[name] for name in _SHOWN}, expected, _SHOWN)


def _differing(
    read: Mapping[str, Any], expected: Mapping[str, Any], names: Collection[str]
) -> dict[str, tuple[Any, Any]]:
    also = expected.get("also_ok", {})
    return {
        name: (value, read.get(name))
        for name, value in expected.items()
        if name in names and read.get(name) != value and read.get(name) not in also.get(name, [])
    }
