"""The store: its schema, whether it is whole, and what in it goes on no more."""

import os
from collections.abc import Mapping, Sequence
from typing import Final

from bridge.cli import show
from bridge.cli.doctor.finding import AS_DAEMON, Finding, State, in_thread
from bridge.cli.doctor.machine import MAX_SKEW
from bridge.config.outline import Outline
from bridge.errors import StoreError
from bridge.runtime.clock import moment, system_clock
from bridge.store import upkeep
from bridge.store.base import Store
from bridge.store.monitoring import Stuck, StuckKind

_GLANCE_SECONDS: Final = 2.0
_RESTART: Final = "restart the daemon: `systemctl restart buildbridge`"
_STUCK: Final[Mapping[StuckKind, tuple[str, State, str, str]]] = {
    StuckKind.UNDECIDED: (
        "deliveries",
        State.FAIL,
        "wait for a decision",
        f"{_RESTART}, and see `buildbridge deliveries show {{id}}`",
    ),
    StuckKind.UNTRIGGERED: (
        "builds",
        State.FAIL,
        "wait for their trigger",
        f"{_RESTART}; `buildbridge builds cancel {{id}}` ends it",
    ),
    StuckKind.TRIGGERING: (
        "builds",
        State.FAIL,
        "are being triggered for longer than a call takes",
        f"{_RESTART}: it looks for them before it triggers again; see `buildbridge builds show {{id}}`",
    ),
    StuckKind.UNENDED: (
        "builds",
        State.WARN,
        "have not ended for a day",
        "look at their builder; `buildbridge builds cancel {id}` ends it",
    ),
    StuckKind.UNKNOWN: (
        "builds",
        State.WARN,
        "have an unknown end",
        "look at their builder, then `buildbridge builds resolve {id} --as succeeded --reason TEXT`",
    ),
    StuckKind.UNSENT: (
        "notices",
        State.FAIL,
        "wait to be sent",
        f"{_RESTART}; `buildbridge notices drop {{id}}` lets the next one go",
    ),
}
"""By kind the check, how bad it is, what is said of them, and the cure with the id of the oldest."""


def is_hidden(outline: Outline) -> bool:
    """Whether the store is a file that this user cannot open, or may not see."""
    if (file := outline.store_file) is None:
        return False
    try:
        file.stat()
    except PermissionError:
        return True
    except OSError:
        return False
    return not os.access(file, os.R_OK | os.W_OK, effective_ids=True)


def schema(outline: Outline) -> Finding:
    """Whether this release can open the store, for this user."""
    if is_hidden(outline):
        what = f"{outline.store_name} cannot be opened by this user"
        return Finding(check="store", state=State.SKIPPED, what=what, cure=AS_DAEMON)
    try:
        found = upkeep.require_usable(outline.store_url)
    except StoreError as error:
        return Finding(check="store", state=State.FAIL, what=str(error))
    return Finding(check="store", state=State.OK, what=f"its schema is {found}, that of this release")


async def integrity(outline: Outline) -> Sequence[Finding]:
    """What shows of damage within two seconds."""
    found = await in_thread(lambda: upkeep.glance(outline.store_url, _GLANCE_SECONDS))
    if found.problems:
        return [Finding(check="integrity", state=State.FAIL, what=problem) for problem in found.problems]
    what = "the file is whole"
    if not found.is_whole:
        what = f"no damage shows within {_GLANCE_SECONDS:g} s; `buildbridge db check` reads all of it"
    return [Finding(check="integrity", state=State.OK, what=what)]


async def rows_of_the_future(store: Store) -> Sequence[Finding]:
    """Whether the clock was set back below what is stored."""
    newest, now = await store.monitoring.newest(), system_clock()
    if newest is None or newest - now <= MAX_SKEW:
        return [Finding(check="clock of the store", state=State.OK, what="nothing in it is of the future")]
    what = f"its newest row is {show.duration(newest - now)} in the future: {moment(newest)}"
    cure = "the clock of this machine is or was wrong: have it set (`timedatectl set-ntp true`)"
    return [Finding(check="clock of the store", state=State.WARN, what=what, cure=cure)]


async def server_clock(store: Store) -> Sequence[Finding]:
    """The clock of this machine against that of the server of the store."""
    said = await store.monitoring.server_time()
    ahead = 0.0 if said is None else system_clock() - said
    if abs(ahead) <= MAX_SKEW:
        what = f"within {max(abs(ahead), 1):.0f} s of this machine"
        return [Finding(check="clock of the database", state=State.OK, what=what)]
    how = "ahead of" if ahead > 0 else "behind"
    what = f"this machine is {abs(ahead):.0f} s {how} the server of the database"
    cure = "have both set: `timedatectl set-ntp true`, or look at chrony or ntpd"
    return [Finding(check="clock of the database", state=State.WARN, what=what, cure=cure)]


async def stuck(store: Store) -> Sequence[Finding]:
    """What is past its time and has no next step."""
    if found := await store.monitoring.stuck(system_clock()):
        return [_stuck(one) for one in found]
    return [Finding(check="stuck rows", state=State.OK, what="everything that waits has a next step")]


def _stuck(found: Stuck) -> Finding:
    rows, state, how, cure = _STUCK[found.kind]
    what = f"{found.count} {rows} {how}, the oldest since {moment(found.since)}"
    return Finding(check=f"stuck {rows}", state=state, what=what, cure=cure.format(id=found.oldest))
