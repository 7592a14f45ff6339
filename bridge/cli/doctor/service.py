"""The daemon: whether it runs, is of this release, and answers; and what it can read of its secrets."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import click

from bridge import __version__
from bridge.cli.daemon import ask
from bridge.cli.doctor.finding import AS_DAEMON, Finding, State, in_thread
from bridge.cli.doctor.storage import is_hidden
from bridge.config.outline import Outline
from bridge.store.activity import DaemonStart

_OK: Final = 200
_SLOW: Final = 2.0
_NOT_RUN: Final = "start it: `systemctl start buildbridge`, or `buildbridge serve`"


def environment_of(start: DaemonStart | None, own: Mapping[str, str]) -> dict[str, str]:
    """The variables of the daemon, which its user and root may see, and those of this process over them."""
    try:
        written = Path(f"/proc/{start.pid}/environ").read_bytes() if start else b""
    except OSError:
        written = b""
    pairs = (one.partition("=") for one in written.decode(errors="surrogateescape").split("\0"))
    return {**{name: value for name, found, value in pairs if found}, **own}


async def daemon(outline: Outline, start: DaemonStart | None, *, served: bool) -> Sequence[Finding]:
    """How the daemon of the store is; `start` is its last one on this machine."""
    if not served and is_hidden(outline):
        what = f"{outline.store_name} cannot be opened by this user"
        return [Finding(check="daemon", state=State.SKIPPED, what=what, cure=AS_DAEMON)]
    if not served:
        what = f"it does not run, or has another store than {outline.store_name}"
        return [Finding(check="daemon", state=State.FAIL, what=what, cure=_NOT_RUN)]
    if start is None and outline.store_file is None:
        what = "it runs on other machines, and not on this one"
        cure = "run this there, too"
        return [Finding(check="daemon", state=State.SKIPPED, what=what, cure=cure)]
    if start is not None and start.version != __version__:
        what = f"it is of version {start.version}, and this command of {__version__}"
        cure = "restart it: `systemctl restart buildbridge`"
        return [Finding(check="daemon", state=State.WARN, what=what, cure=cure), *await _health(outline)]
    what = f"it runs, of version {__version__}"
    return [Finding(check="daemon", state=State.OK, what=what), *await _health(outline)]


async def _health(outline: Outline) -> Sequence[Finding]:
    began = time.monotonic()
    try:
        status, answer = await in_thread(lambda: ask(outline, "GET", "/healthz"))
    except click.ClickException as error:
        return [Finding(check="health", state=State.FAIL, what=error.message)]
    took = time.monotonic() - began
    if status != _OK:
        what = f"it takes no delivery: {answer.get('reason', answer.get('status'))}"
        cure = "see its log: `journalctl -u buildbridge`"
        return [Finding(check="health", state=State.FAIL, what=what, cure=cure)]
    if down := answer["down"]:
        what = f"it takes deliveries, but is without {', '.join(down)}"
        cure = "`buildbridge status` says why"
        return [Finding(check="health", state=State.WARN, what=what, cure=cure)]
    what = f"it answers after {took * 1000:.0f} ms"
    if took > _SLOW:
        cure = "see what takes the machine's time: `top`, `iostat -x 5`"
        return [Finding(check="health", state=State.WARN, what=what, cure=cure)]
    return [Finding(check="health", state=State.OK, what=what)]
