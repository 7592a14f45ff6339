"""The nodes of a database: which are there, of which release, with which keys, and if each duty has one."""

from collections.abc import Iterator, Sequence

from bridge import __version__
from bridge.cli import show
from bridge.cli.doctor.finding import Finding, State
from bridge.cli.parts import NO_WORKER, missing_duties, other_keys
from bridge.config.outline import Outline
from bridge.model.node import LEASE_SECONDS, RETURN_SECONDS, Roll
from bridge.store.base import Store


async def nodes(config: Outline, store: Store) -> Sequence[Finding]:
    """Their leases, duties, releases and keys."""
    roll = await store.nodes.roll()
    if not roll.nodes:
        what = "no daemon serves the database"
        cure = "start one: `systemctl start buildbridge`, or `buildbridge serve`"
        return [Finding(check="nodes", state=State.FAIL, what=what, cure=cure)]
    if found := list(_wrong(config, roll)):
        return found
    names = ", ".join(node.name for node in roll.nodes)
    what = f"{names}: each was heard of within {LEASE_SECONDS:g} s"
    return [Finding(check="nodes", state=State.OK, what=what)]


def _wrong(config: Outline, roll: Roll) -> Iterator[Finding]:
    for node in roll.nodes:
        if roll.expired(node):
            what = f"it was last heard of {show.duration(roll.age(node))} ago"
            cure = "see there whether it runs, and reaches the database: `systemctl status buildbridge`"
            yield Finding(check="nodes", about=node.name, state=State.FAIL, what=what, cure=cure)
        if node.version != __version__:
            what = f"it is of version {node.version}, and this command of {__version__}"
            cure = "nodes of two releases are for the time of an upgrade: upgrade the others, too"
            yield Finding(check="nodes", about=node.name, state=State.WARN, what=what, cure=cure)
    for name, than in other_keys(config, roll).items():
        what = f"it has other keys of the tokens than {than}: one refuses what the other makes"
        cure = (
            "copy the file `api.key` from one to the other, or write the same `api.keys` into both "
            "configurations, then restart: what a key has made that is gone is void"
        )
        yield Finding(check="nodes", about=name, state=State.FAIL, what=what, cure=cure)
    if roll.is_idle:
        yield Finding(check="nodes", state=State.FAIL, what=NO_WORKER)
    for name, age in missing_duties(roll).items():
        what = f"no node does it, for {show.duration(age)} by now"
        cure = (
            "start the node that had it last: one on another machine takes it up after "
            f"{RETURN_SECONDS:g} s, and `buildbridge status` shows who has what"
        )
        yield Finding(check="nodes", about=name, state=State.FAIL, what=what, cure=cure)
