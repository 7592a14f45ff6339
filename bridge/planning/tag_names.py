"""Which name each tag stands for (pure): `feature/x` and `feature-x` would both be the tag `feature-x`.

The first of them holds it, as long as it is built now and then; the other's tag carries a digest of its ref.
"""

from collections.abc import Mapping
from dataclasses import replace

from bridge.model.build import NewBuild
from bridge.model.plan import TagKey
from bridge.rules.render import with_digest


def make_distinct(new: NewBuild, names: Mapping[TagKey, str]) -> tuple[NewBuild, dict[TagKey, str]]:
    """The build, with each tag that stands for another name made distinct, and the tags that it holds.

    `names` are the texts that tags stand for so far. The build's notes say which tags were changed.
    """
    held: dict[TagKey, str] = {}
    for tag, original in new.named.items():
        key = (new.namespace, new.repo_name, tag)
        holder = names.get(key, original)
        if holder == original:
            held[key] = original
        elif tag in new.tags:
            distinct = with_digest(tag, new.ref)
            why = f"{tag} stands for {holder} already: {original} becomes {distinct}"
            tags = tuple(distinct if one == tag else one for one in new.tags)
            new = replace(new, tags=tags, notes=(*new.notes, why))
    return new, held
