"""How late the event loop is: everything that waits for it waits as long."""

from typing import Final

import anyio

from bridge.runtime.metrics import LOOP_LAG_SECONDS
from bridge.services.base import Service

PAUSE_SECONDS: Final = 0.5
"""Often enough to meet what blocks the loop, and no load at rest."""


class LoopLag(Service):
    """Measures it again and again."""

    tick = 3600.0

    def __init__(self) -> None:
        super().__init__("loop lag")

    async def round(self) -> float:
        due = anyio.current_time() + PAUSE_SECONDS
        await anyio.sleep(PAUSE_SECONDS)
        LOOP_LAG_SECONDS.observe(max(0.0, anyio.current_time() - due))
        return 0.0
