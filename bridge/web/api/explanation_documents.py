"""What rules make of a delivery as JSON documents, for the API and for the command line alike."""

from collections.abc import Sequence
from typing import Any, cast

from typing_extensions import TypedDict

from bridge.rules.api import described
from bridge.rules.match import RuleSet
from bridge.web.api.core.readings import Reading, Signature


class ExplainedMatch(TypedDict):
    """A build that would be made; `originals` are the texts of tags that had to be changed.

    `place` is where the rule is from, `changed` what of it was set by API.
    """

    namespace: str
    repo_name: str
    tag_config: list[int]
    builder: str
    image: str
    tags: list[str]
    originals: dict[str, str]
    version_tagging: int
    parameters: dict[str, str]
    notes: list[str]
    place: str
    changed: list[str]


class ExplainedRejection(TypedDict):
    """Why a rule, or one of its tag_configs, builds nothing."""

    namespace: str
    repo_name: str
    tag_config: int | None
    why: str
    place: str
    changed: list[str]


class ExplanationDocument(TypedDict):
    """What happened to a ref, and what the rules make of it; `left_off` counts rejections beyond 2000.

    `reason` says why nothing is built of it, and is null when something is.
    """

    host: str
    signature: Signature
    event: str
    repo: str | None
    ref_kind: str | None
    ref_name: str | None
    sha: str | None
    before: str | None
    tag_object_sha: str | None
    author: str | None
    clone_url_http: str | None
    reason: str | None
    matches: list[ExplainedMatch]
    rejections: list[ExplainedRejection]
    left_off: int


def explanation_documents(
    reading: Reading, evaluations: Sequence[dict[str, Any]], rules: RuleSet
) -> list[ExplanationDocument]:
    """One for each ref; `evaluations` are the documents of what `rules` make of them."""
    facts = {"host": reading.forge.host, "signature": reading.signature}
    for document in evaluations:
        for decision in (*document["matches"], *document["rejections"]):
            key = decision["namespace"], decision["repo_name"]
            decision["place"] = rules.places[key]
            decision["changed"] = list(described(rules.api.override(key)))
    return [cast(ExplanationDocument, facts | document) for document in evaluations]
