"""How long this process may act for all nodes: after that, others may have taken over what it does.

What stood still, as a machine that is paused, goes on where it was: perhaps just before a request. So who is
about to have an effect elsewhere asks here first, as late as can be. It is one lease for the process, as that
is one node.
"""

import math
import time

from bridge.errors import NotSent

_until = math.inf
_is_contested = False


def now() -> float:
    """Seconds since the machine started, also those in which it slept."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def hold(until: float) -> None:
    """It may act until then, in seconds by `now`; infinity where there can be no others."""
    global _until  # noqa: PLW0603  # there is one for the process
    _until = until


def until() -> float:
    """Until when it may act, in seconds by `now`."""
    return _until


def contest(is_contested: bool) -> None:
    """Say whether there is another process that can do on another machine what this one leaves on its own."""
    global _is_contested  # noqa: PLW0603  # there is one for the process
    _is_contested = is_contested


def is_contested() -> bool:
    """Whether another one can do it."""
    return _is_contested


def require() -> None:
    """Raises NotSent where others may act in place of this process."""
    if now() > _until:
        raise NotSent("this node stood still, or did not reach the store: other nodes may have taken over")
