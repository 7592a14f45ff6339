"""What rules make of a delivery as JSON documents, for the API and for the command line alike."""

from collections.abc import Sequence
from typing import Any, cast

from typing_extensions import TypedDict

from bridge.model.event import RefKind
from bridge.rules.api import described
from bridge.rules.match import RuleSet
from bridge.web.api.core.readings import Reading, Signature


class ExplainedMatch(TypedDict):
    """A build that would be made."""

    namespace: str
    repo_name: str
    tag_config: list[int]
    """The places of those that match, in the list of tag_configs."""
    builder: str
    image: str
    tags: list[str]
    originals: dict[str, str]
    """The texts of tags that had to be changed, by the tags."""
    version_tagging: int
    parameters: dict[str, str]
    notes: list[str]
    """What else is to be known of it."""
    place: str
    """Where the rule is from."""
    changed: list[str]
    """What of the rule was set by API."""


class ExplainedRejection(TypedDict):
    """Why a rule, or one of its tag_configs, builds nothing."""

    namespace: str
    repo_name: str
    tag_config: int | None
    """Its place in the list of tag_configs; null for the whole rule."""
    why: str
    place: str
    """Where the rule is from."""
    changed: list[str]
    """What of the rule was set by API."""


class ExplanationDocument(TypedDict):
    """What happened to a ref, and what the rules make of it."""

    host: str
    """The Git host that it is from."""
    source: str | None
    """The source that it came to; null where several may be meant."""
    signature: Signature
    event: str
    repo: str | None
    """The code repository, as its host calls it."""
    ref_kind: RefKind | None
    ref_name: str | None
    sha: str | None
    """What the ref was set to."""
    before: str | None
    """What it was before."""
    tag_object_sha: str | None
    """The object of an annotated tag."""
    author: str | None
    clone_url_http: str | None
    reason: str | None
    """Why nothing is built of it; null when something is."""
    matches: list[ExplainedMatch]
    rejections: list[ExplainedRejection]
    left_off: int
    """How many rejections beyond 2000 there are."""


def explanation_documents(
    reading: Reading, evaluations: Sequence[dict[str, Any]], rules: RuleSet
) -> list[ExplanationDocument]:
    """One for each ref; `evaluations` are the documents of what `rules` make of them."""
    facts = {"host": reading.forge.host, "source": reading.source, "signature": reading.signature}
    for document in evaluations:
        for decision in (*document["matches"], *document["rejections"]):
            key = decision["namespace"], decision["repo_name"]
            decision["place"] = rules.places[key]
            decision["changed"] = list(described(rules.api.override(key)))
    return [cast(ExplanationDocument, facts | document) for document in evaluations]
