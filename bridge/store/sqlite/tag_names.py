"""Which name each tag stands for: `feature/x` and `feature-x` would both be the tag `feature-x`.

The first of them has it, as long as it is built now and then; the other's tag carries a digest of its ref.
"""

from dataclasses import replace

from sqlalchemy import Connection, insert, select, update

from bridge.model.build import NewBuild
from bridge.rules.render import with_digest
from bridge.store.schema import tag_name as table


def told_apart(connection: Connection, new: NewBuild, now: float) -> NewBuild:
    """The build with each tag that stands for another name made distinct, which its notes say."""
    for tag, original in new.named.items():
        holder = _holder(connection, new, tag, original, now)
        if holder != original and tag in new.tags:
            distinct = with_digest(tag, new.ref)
            why = f"{tag} stands for {holder} already: {original} becomes {distinct}"
            tags = tuple(distinct if one == tag else one for one in new.tags)
            new = replace(new, tags=tags, notes=(*new.notes, why))
    return new


def _holder(connection: Connection, new: NewBuild, tag: str, original: str, now: float) -> str:
    """What the tag stands for: `original`, if for nothing else."""
    names = {"namespace": new.namespace, "repo_name": new.repo_name, "tag": tag}
    same = [table.c[name] == value for name, value in names.items()]
    holder: str | None = connection.execute(select(table.c.original).where(*same)).scalar()
    if holder is None:
        connection.execute(insert(table).values(**names, original=original, at=now))
    elif holder == original:
        connection.execute(update(table).where(*same).values(at=now))
    return holder or original
