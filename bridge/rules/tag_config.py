"""The keys of a tag configuration: which refs a rule builds, and with which tag."""

import re
from typing import Annotated, Final, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    Tag,
    ValidationInfo,
    field_validator,
)

from bridge.config.faults import suggest_or_list
from bridge.config.types import Strict, one_of, wrong
from bridge.model.event import RefKind
from bridge.rules.paths import MAX_GLOBS, compile_paths, path_problem
from bridge.rules.pattern import MAX_PATTERNS, BadPattern, RefFilter, compile_refs
from bridge.rules.render import PLACEHOLDERS, BadTemplate, allowed_placeholders, parse_template

VersionTagging = Literal[0, 1, 2]

_BRANCH: Final = ("branch", "branches")
_TAG: Final = ("tag", "tags")
_IMAGE_TAG: Final = ("docker_repo_tag", "docker_tag", "image_tag")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


def _inside(value: str) -> str:
    parts = [part for part in value.split("/") if part not in {"", "."}]
    if ".." in parts or _CONTROL.search(value):
        raise wrong("path", "must stay inside the repository: without '..' and control characters")
    return "/" + "/".join(parts)


def _path_glob(value: str) -> str:
    if problem := path_problem(value):
        raise wrong("paths", problem)
    return value


def _path_filter(globs: tuple[str, ...]) -> tuple[str, ...]:
    try:
        compile_paths(globs)
    except BadPattern as error:
        raise wrong("paths", f"the filter is too large: {error}") from None
    return globs


def _ref(value: str) -> str:
    _compiled_refs((value,))
    return value


def _refs(value: str | tuple[str, ...]) -> str | tuple[str, ...]:
    if taken := sorted(_compiled_refs(value).all_groups & PLACEHOLDERS):
        raise wrong("pattern", f"a group cannot be called {taken[0]}: a placeholder has this name")
    return value


def _compiled_refs(value: str | tuple[str, ...]) -> RefFilter:
    try:
        return compile_refs(value)
    except BadPattern as error:
        raise wrong("pattern", str(error)) from None


Folder = Annotated[str, Field(max_length=1024), AfterValidator(_inside)]
"""A path inside the checkout, such as `/web`; `/` is its root."""

PathGlobs = Annotated[
    tuple[Annotated[str, AfterValidator(_path_glob)], ...],
    Field(strict=False, min_length=1, max_length=MAX_GLOBS),
    AfterValidator(_path_filter),
]
"""A filter of changed files, such as `["web/**", "!**/*.md"]`."""


RefPatterns = Annotated[
    Annotated[Annotated[str, Field(min_length=1, json_schema_extra={"pattern": "^[^!]"})], Tag("text")]
    | Annotated[
        tuple[Annotated[str, Field(min_length=1), AfterValidator(_ref)], ...],
        Field(strict=False, min_length=1, max_length=MAX_PATTERNS),
        Tag("list"),
    ],
    Discriminator(lambda value: "list" if isinstance(value, list | tuple) else "text"),
    AfterValidator(_refs),
]
"""One pattern, or a list such as `["**", "!renovate/*"]`."""


def _one_tag(value: object) -> object:
    several = isinstance(value, list) or (isinstance(value, str) and "," in value)
    if several:
        raise wrong("tags", "is one tag: for a further one add the same entry to tag_configs with that tag")
    return value


class TagConfig(Strict):
    """Which refs are built, and with which tag."""

    code_repo_type: RefKind
    """The kind of refs: branch or tag."""
    code_repo_type_value: RefPatterns
    """The names of the refs: a name, a glob such as release/* (a star stops at a slash, two stars do not), or
    a regular expression between slashes; or a list with exclusions, such as ["**", "!renovate/*"], where the
    last entry that matches decides."""
    docker_repo_tag: Annotated[str, Field(min_length=1), BeforeValidator(_one_tag)]
    """The image tag; placeholders are {branch} {tag} {1} {name} {sha} {short_sha} {date} {time} {major}
    {minor} {patch}."""
    build_context_path: Folder = "/"
    """The folder of the checkout that is the build context."""
    dockerfile_location: Folder = "/"
    """The Dockerfile, or the folder it stands in, in the checkout."""
    is_active: bool = True
    """Whether pushes build it; it can be built by hand in any case."""
    version_tagging: Annotated[
        VersionTagging, one_of(0, 1, 2, meaning="0 none, 1 the time, 2 the commit id")
    ] = 0
    """One more tag: 0 none, 1 the time such as v20150902.081742 (UTC), 2 the commit id."""
    paths: PathGlobs | None = None
    """Build only if a changed file matches, such as ["web/**", "!**/*.md"]; the last match decides."""

    @classmethod
    def longhand(cls, given: object) -> dict[str, object] | None:
        """`main`, `{branch: main, tag: latest}` and `{tag: "v*"}` in full."""
        short = {"branch": given} if isinstance(given, str) else given
        if not isinstance(short, dict):
            return None
        kind, words = ("branch", _BRANCH) if short.keys() & {*_BRANCH} else ("tag", _TAG)
        value = next((short[word] for word in words if word in short), None)
        if value is None:
            return None
        named = [*_IMAGE_TAG, *(_TAG if kind == "branch" else ())]
        plain = kind == "branch" and isinstance(value, str) and value.isalnum()
        tag = next((short[word] for word in named if word in short), "latest" if plain else f"{{{kind}}}")
        others = {key: one for key, one in short.items() if key in cls.model_fields}
        return {"code_repo_type": kind, "code_repo_type_value": value, "docker_repo_tag": tag} | others

    @field_validator("docker_repo_tag")
    @classmethod
    def _parses(cls, value: str, info: ValidationInfo) -> str:
        try:
            names = parse_template(value).names
        except BadTemplate as error:
            raise wrong("template", str(error)) from None
        kind, patterns = info.data.get("code_repo_type"), info.data.get("code_repo_type_value")
        if kind is not None and patterns is not None:
            _check_placeholders(names, kind, compile_refs(patterns))
        return value

    @property
    def refs(self) -> RefFilter:
        return compile_refs(self.code_repo_type_value)


def _check_placeholders(names: frozenset[str], kind: RefKind, refs: RefFilter) -> None:
    known = allowed_placeholders(kind, refs.groups)
    for name in sorted(names - known):
        if name.isdigit() or name in refs.all_groups:
            without = next((one for one in refs.wanted if name not in one.groups), None)
            which, groups = (
                (without.text, without.groups) if without else ("what is not left out", frozenset())
            )
            raise wrong("placeholder", f"{{{name}}} has no value: {which} has {_counted(groups)}")
        if name in {"branch", "tag"}:
            raise wrong("placeholder", f"{{{name}}} has no value for a {kind}: write {{{kind}}}")
        raise wrong("placeholder", f"there is no placeholder {{{name}}}{suggest_or_list(name, known)}")


def _counted(groups: frozenset[str]) -> str:
    count = sum(group.isdigit() for group in groups)
    return f"{count or 'no'} {'group' if count == 1 else 'groups'}"
