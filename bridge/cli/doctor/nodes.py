"""The nodes of a database: which are there, of which release, and whether each duty has one."""

from collections.abc import Iterator, Sequence

from bridge import __version__
from bridge.cli import show
from bridge.cli.doctor.finding import Finding, State
from bridge.cli.parts import NO_WORKER, missing_duties
from bridge.model.node import LEASE_SECONDS, Roll
from bridge.planning.duties import RETURN_SECONDS
from bridge.store.base import Store


async def nodes(store: Store) -> Sequence[Finding]:
    """Their leases, duties and releases."""
    roll = await store.nodes.roll()
    if not roll.nodes:
        what = "no daemon serves the database"
        cure = "start one: `systemctl start buildbridge`, or `buildbridge serve`"
        return [Finding(check="nodes", state=State.FAIL, what=what, cure=cure)]
    if found := list(_wrong(roll)):
        return found
    names = ", ".join(node.name for node in roll.nodes)
    what = f"{names}: each was heard of within {LEASE_SECONDS:g} s"
    return [Finding(check="nodes", state=State.OK, what=what)]


def _wrong(roll: Roll) -> Iterator[Finding]:
    for node in roll.nodes:
        if roll.expired(node):
            what = f"it was last heard of {show.duration(roll.age(node))} ago"
            cure = "see there whether it runs, and reaches the database: `systemctl status buildbridge`"
            yield Finding(check="nodes", about=node.name, state=State.FAIL, what=what, cure=cure)
        if node.version != __version__:
            what = f"it is of version {node.version}, and this command of {__version__}"
            cure = "nodes of two releases are for the time of an upgrade: upgrade the others, too"
            yield Finding(check="nodes", about=node.name, state=State.WARN, what=what, cure=cure)
    if roll.is_idle:
        yield Finding(check="nodes", state=State.FAIL, what=NO_WORKER)
    for name, age in missing_duties(roll).items():
        what = f"no node does it, for {show.duration(age)} by now"
        cure = (
            "start the node that had it last: one on another machine takes it up after "
            f"{RETURN_SECONDS:g} s, and `buildbridge status` shows who has what"
        )
        yield Finding(check="nodes", about=name, state=State.FAIL, what=what, cure=cure)
