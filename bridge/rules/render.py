"""Renders image tags: fills in placeholders and turns the result into a valid OCI tag.

A tag is at most 128 characters of `[A-Za-z0-9_.-]` and begins with a letter, a digit or `_`; a repository
path is lower-case (OCI Distribution Specification, "Pulling manifests").
"""

import hashlib
import re
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from bridge.model.event import Ref, RefKind

MAX_TEMPLATE: Final = 1024
MAX_FILLED: Final = 32
"""Placeholders in one text; a branch can have a name of 1 KiB."""
MAX_TAG: Final = 128
MAX_IMAGE: Final = 255
_KEPT: Final = MAX_TAG - 9
_SHORT_SHA: Final = 7

_TAG: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_OF_OTHERS: Final = re.compile(r"\$\{?([A-Za-z_]\w*)\}?|\{\{\s*(\w+)\s*\}\}")
"""How other systems write a placeholder."""
_FORBIDDEN: Final = re.compile(r"[^A-Za-z0-9_.-]+")
_TEXT_PIECE: Final = re.compile(r"\{\{|\}\}|\{([A-Za-z0-9_]{1,64})\}|([^{}]+)|([{}])")
_PIECE: Final = re.compile(r"\{([A-Za-z0-9_]{1,64})\}|([^{}]+)|([{}])")
_SEMVER: Final = re.compile(
    r"v?(0|[1-9][0-9]{0,18})\.(0|[1-9][0-9]{0,18})\.(0|[1-9][0-9]{0,18})"
    r"(-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?"
)
_HOST: Final = re.compile(r"(?:[A-Za-z0-9]+(?:[.-][A-Za-z0-9]+)*|\[[0-9A-Fa-f:]+\])(?::[0-9]{1,5})?")
_COMPONENT: Final = re.compile(r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*")

_TIME_VERSION: Final = "v%Y%m%d.%H%M%S"
COMMIT_PARTS: Final = frozenset({"sha", "short_sha"})
ALWAYS: Final = COMMIT_PARTS | {"date", "time"}
SEMVER_PARTS: Final = frozenset({"major", "minor", "patch"})
PLACEHOLDERS: Final = ALWAYS | SEMVER_PARTS | {"branch", "tag"}
"""Every placeholder but the groups of the pattern."""


class BadTemplate(ValueError):
    """The template cannot be used; the text says why."""


class NoValue(Exception):
    """A placeholder has no value for this ref; the text says why."""


@dataclass(frozen=True, slots=True)
class Template:
    """A text with placeholders; `parts` are literal texts and, at odd indexes, names of placeholders."""

    parts: tuple[str, ...]

    @property
    def names(self) -> frozenset[str]:
        return frozenset(self.parts[1::2])

    def render(self, values: Mapping[str, str]) -> str:
        """Fill in the values in one pass: placeholders in a value are not replaced."""
        return "".join(values[part] if index % 2 else part for index, part in enumerate(self.parts))


@lru_cache(maxsize=4096)
def parse_template(text: str) -> Template:
    """Raises BadTemplate, also for characters that no tag may contain."""
    if len(text) > MAX_TEMPLATE:
        raise BadTemplate(f"is over {MAX_TEMPLATE} characters")
    if found := _OF_OTHERS.search(text):
        raise BadTemplate(f"{found[0]} is no placeholder: write {{{found[1] or found[2]}}}")
    parts = [""]
    for name, literal, brace in _PIECE.findall(text):
        if brace:
            raise BadTemplate(f"has a {brace} that does not belong to a placeholder such as {{branch}}")
        if found := _FORBIDDEN.search(literal):
            raise BadTemplate(
                f"a tag cannot contain {found[0][:20]!r}, only letters, digits, '_', '.' and '-'"
            )
        if name:
            parts += [name, ""]
        else:
            parts[-1] += literal
    if len(parts) == 1 and not _TAG.fullmatch(text):
        raise BadTemplate("a tag begins with a letter, a digit or '_' and has at most 128 characters")
    return Template(tuple(parts))


@lru_cache(maxsize=4096)
def parse_text(text: str) -> Template:
    """As `parse_template`, for any text; `{{` and `}}` are braces. Raises BadTemplate."""
    parts = [""]
    for found in _TEXT_PIECE.finditer(text):
        name, literal, brace = found.groups()
        if brace:
            raise BadTemplate(
                f"has a {brace} that does not belong to a placeholder such as {{branch}}: write {brace * 2}"
            )
        if name:
            parts += [name, ""]
        else:
            parts[-1] += literal or found[0][0]
    if len(parts) > 2 * MAX_FILLED + 1:
        raise BadTemplate(f"has over {MAX_FILLED} placeholders")
    return Template(tuple(parts))


def allowed_placeholders(kind: RefKind, groups: Collection[str]) -> frozenset[str]:
    """The placeholders that have a value for refs of this kind."""
    return ALWAYS | SEMVER_PARTS | {kind} | frozenset(groups)


def placeholder_values(
    template: Template, ref: Ref, sha: str | None, at: float, groups: Mapping[str, str]
) -> dict[str, str]:
    """The values of a ref's placeholders; `at` is in Unix seconds. Raises NoValue.

    `sha` is None where the commit is not known.
    """
    if sha is None and template.names & COMMIT_PARTS:
        raise NoValue(f"the Git host does not say which commit {ref.name} is")
    moment = datetime.fromtimestamp(at, UTC)
    values = {
        **groups,
        ref.kind: ref.name,
        "sha": sha or "",
        "short_sha": (sha or "")[:_SHORT_SHA],
        "date": f"{moment:%Y%m%d}",
        "time": f"{moment:%H%M%S}",
    }
    return values | _semver(ref.name) if template.names & SEMVER_PARTS else values


def known_values(ref: Ref, sha: str | None, at: float, groups: Mapping[str, str]) -> dict[str, str]:
    """As `placeholder_values`, for any template: a placeholder without a value for the ref is empty."""
    try:
        parts = _semver(ref.name)
    except NoValue:
        parts = {}
    nothing = dict.fromkeys(PLACEHOLDERS, "")
    return nothing | placeholder_values(Template(("",)), ref, sha or "", at, groups) | parts


def _semver(name: str) -> dict[str, str]:
    found = _SEMVER.fullmatch(name.rpartition("/")[2])
    if found is None:
        raise NoValue(f"{name} is not a semantic version")
    if found[4]:
        raise NoValue(f"{name} is a pre-release, which must not move the tags of releases")
    return {"major": found[1], "minor": found[2], "patch": found[3]}


def oci_tag(text: str, ref: str | None = None) -> str:
    """A valid tag made from a ref or from any text.

    Where letters are lost, or the text is too long or leaves nothing, eight hex digits of the SHA-256 of
    `ref`, the full ref name (by default of `text`), keep it apart from similar tags.
    """
    short = text.removeprefix("refs/heads/").removeprefix("refs/tags/")
    plain = unicodedata.normalize("NFKC", short)
    tag = re.sub(r"-+", "-", _FORBIDDEN.sub("-", plain)).lstrip(".-").rstrip(".-")
    if not tag or len(tag) > MAX_TAG or any(map(_is_lost_letter, plain)):
        return with_digest(tag or "ref", ref or text)
    return tag


def with_digest(tag: str, ref: str) -> str:
    """The tag with a digest of its full ref: for a second ref that gives the same tag."""
    digest = hashlib.sha256(ref.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{tag[:_KEPT]}-{digest[:8]}"


def _is_lost_letter(letter: str) -> bool:
    return not letter.isascii() and unicodedata.category(letter)[0] in "LMN"


def version_tag(version_tagging: int, at: float, sha: str) -> str | None:
    """The additional tag: none for 0, the time in UTC for 1, the commit id for 2; `at` is in Unix seconds.

    None for an empty `sha`, where the commit is not known.
    """
    match version_tagging:
        case 0:
            return None
        case 1:
            return datetime.fromtimestamp(at, UTC).strftime(_TIME_VERSION)
        case 2:
            return sha or None
        case _:
            raise ValueError(f"no such version tagging: {version_tagging}")


def time_of_version(tag: str) -> float:
    """The Unix seconds that a time version was made of."""
    return datetime.strptime(tag, _TIME_VERSION).replace(tzinfo=UTC).timestamp()


def image_problem(image: str) -> str | None:
    """Why `image` cannot be a repository path without a tag, or None when it can."""
    if "://" in image:
        return f"is an address: leave {image.partition('://')[0]}:// out"
    host, slash, path = image.partition("/")
    if not slash or not ({".", ":"} & set(host) or host == "localhost"):
        host, path = "", image
    if host and not _HOST.fullmatch(host):
        return f"{host} is not a registry, such as registry.example.com or 127.0.0.1:5000"
    if "@" in path or ":" in path:
        return "must not contain a tag or a digest: the tag belongs in docker_repo_tag"
    if path != path.lower():
        return f"must be lower-case: {path.lower()}"
    if len(path) > MAX_IMAGE or not all(map(_COMPONENT.fullmatch, path.split("/"))):
        return (
            "is not an image name: use parts of a-z and 0-9, joined by '.', '_', '__', '-', separated by '/'"
        )
    return None
