"""What the builds of a commit are called at the host: each has its own name."""

from hashlib import sha256
from typing import Final

from bridge.channels.text import plain
from bridge.model.notice import BuildFacts

_LONGEST: Final = 255
_DIGEST: Final = 12


def name_of(facts: BuildFacts, prefix: str) -> str:
    """The build repository, and what its images of one commit differ in; at most 255 bytes.

    It is the same for every branch, since hosts ask for checks by name: `buildbridge/acme/shop`,
    `buildbridge/acme/shop /api -f /api/Dockerfile`, `buildbridge/acme/shop (tag)`.
    """
    parts = [f"{prefix}/{facts.namespace}/{facts.repo_name}"]
    if facts.context.strip("/"):
        parts.append(facts.context)
    if facts.dockerfile.strip("/"):
        parts.append(f"-f {facts.dockerfile}")
    if facts.ref_kind == "tag":
        parts.append("(tag)")
    return shortened(plain(" ".join(parts), 4 * _LONGEST), _LONGEST)


def shortened(name: str, limit: int) -> str:
    """The name in at most `limit` bytes; two long ones that differ stay different."""
    encoded = name.encode()
    if len(encoded) <= limit:
        return name
    kept = encoded[: limit - _DIGEST - 1].decode(errors="ignore")
    return f"{kept}~{sha256(encoded).hexdigest()[:_DIGEST]}"
