"""YAML files of repositories: whoever may push writes them, and the bridge reads them in its own process."""

from typing import Any, Final

import yaml

_TAG: Final = "tag:yaml.org,2002:"
_MAX_MERGED: Final = 10_000
# The parser of libyaml, where PyYAML has it, is several times as fast.
_FASTEST: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_FASTEST):  # type: ignore[misc]  # which of the two is known at run time
    """Numbers and times stay text; a build system's own tags, such as !reference, stand for nothing."""

    room = _MAX_MERGED

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Put in the place of `<<` what it merges, in bounds: merges of merges multiply."""
        merged: list[tuple[yaml.Node, yaml.Node]] = []
        own: list[tuple[yaml.Node, yaml.Node]] = []
        for key, value in node.value:
            if key.tag != f"{_TAG}merge":
                own.append((key, value))
                continue
            for one in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                if isinstance(one, yaml.MappingNode):
                    self.flatten_mapping(one)
                    self.room -= len(one.value)
                if self.room < 0 or not isinstance(one, yaml.MappingNode):
                    raise yaml.constructor.ConstructorError(
                        None, None, "this cannot be merged", one.start_mark
                    )
                # The first of several counts, and the last of equal keys.
                merged[:0] = one.value
        node.value = merged + own


for _kind in ("int", "float", "timestamp", "value"):
    _Loader.add_constructor(f"{_TAG}{_kind}", _FASTEST.construct_yaml_str)
_Loader.add_multi_constructor("!", lambda _loader, _tag, _node: None)


def yaml_documents(text: bytes) -> list[Any]:
    """The documents in a text. Raises ValueError for what is not YAML, or merges very much.

    One object can stand in many places: the text of a whole part can be far longer than the file.
    """
    try:
        return list(yaml.load_all(text, Loader=_Loader))
    except (yaml.YAMLError, KeyError, RecursionError) as error:
        # A KeyError is a word that is neither true nor false, but has the tag of those.
        raise ValueError(type(error).__name__) from None
