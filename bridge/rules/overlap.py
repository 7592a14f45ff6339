"""Finds tag configurations that give one ref the same tag, and rules that write the same tag of one image.

Pure, and for warnings: it finds most, not all.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Final

from bridge.model.event import Ref
from bridge.rules.render import COMMIT_PARTS, NoValue, oci_tag, parse_template, placeholder_values
from bridge.rules.schema import BuildRepository
from bridge.rules.tag_config import TagConfig

_SHA: Final = "0" * 40
_WORDS: Final = ("x", "1.2.3")
"""Sample texts for a star."""
_STAR: Final = re.compile(r"\*+")
_SET: Final = re.compile(r"\[([^]!^])[^]]*\]")


def overlaps(configs: Sequence[TagConfig]) -> Iterator[tuple[int, str]]:
    """The index of the second of each two that overlap, and a sentence that says where."""
    active = [(index, config) for index, config in enumerate(configs) if config.is_active]
    for (first, one), (second, other) in combinations(active, 2):
        same_build = _build(one) == _build(other)
        if one.code_repo_type != other.code_repo_type or (same_build and one.paths != other.paths):
            continue
        if common := next(_common(one, other), None):
            both = f"tag_configs[{first}] and [{second}] both build {common}"
            yield second, both if same_build else f"{both}, in two builds: the later one has the tag"


def shared_tag(one: BuildRepository, other: BuildRepository) -> tuple[int, str] | None:
    """A tag that two rules with one image write, with the index of the tag configuration of `other`."""
    same_code = one.build_config.code_repository == other.build_config.code_repository
    for index, second in enumerate(other.build_config.tag_configs):
        for first in one.build_config.tag_configs:
            if first.is_active and second.is_active and (tag := _shared(first, second, same_code)):
                return index, tag
    return None


def _shared(one: TagConfig, other: TagConfig, same_code: bool) -> str | None:
    names = [parse_template(config.docker_repo_tag).names for config in (one, other)]
    if not any(names):
        return one.docker_repo_tag if one.docker_repo_tag == other.docker_repo_tag else None
    if same_code and one.code_repo_type == other.code_repo_type:
        for name in _sample_names(one, other):
            if (tag := _tag(one, name)) is not None and tag == _tag(other, name):
                return tag
    if not all(names) or any(found & COMMIT_PARTS for found in names):
        return None  # a literal tag is reserved, and other code has other commits
    tags = {_tag(one, name) for name in _sample_names(one)} - {None}
    return next((tag for name in _sample_names(other) if (tag := _tag(other, name)) in tags), None)


def _build(config: TagConfig) -> tuple[str, str]:
    return config.build_context_path, config.dockerfile_location


def _common(one: TagConfig, other: TagConfig) -> Iterator[str]:
    for name in _sample_names(one, other):
        tag = _tag(one, name)
        if tag is not None and tag == _tag(other, name):
            yield f"{name} into {tag}"


def _sample_names(*configs: TagConfig) -> Iterator[str]:
    for config in configs:
        for pattern in config.refs.wanted:
            yield from _samples(pattern.text)


def _samples(pattern: str) -> list[str]:
    """Sample names that the pattern matches: an exact name itself; none for a regular expression."""
    if len(pattern) > 1 and pattern[0] == pattern[-1] == "/":
        return []
    return list(dict.fromkeys(_SET.sub(r"\1", _STAR.sub(word, pattern)).replace("?", "x") for word in _WORDS))


def _tag(config: TagConfig, name: str) -> str | None:
    groups = config.refs.match(name)
    if groups is None:
        return None
    ref, template = Ref(config.code_repo_type, name), parse_template(config.docker_repo_tag)
    try:
        return oci_tag(template.render(placeholder_values(template, ref, _SHA, 0.0, groups)), ref.full)
    except NoValue:
        return None
