"""How long who writes asks whether the commit that was cut is there."""

import time
from typing import Final

import psycopg

UNSURE_SECONDS: Final = 60.0
"""How long a command asks, and a node that no session can be used by; through an outage a node asks on."""
_REFUSALS: Final = (psycopg.NotSupportedError, psycopg.ProgrammingError)


class Patience:
    """One for each commit that was cut; `serves` for a node."""

    def __init__(self, *, serves: bool) -> None:
        self._serves = serves
        self._deadline = time.monotonic() + UNSURE_SECONDS

    def is_over(self, error: Exception) -> bool:
        """Whether no more is to be asked after `error`, the last failure."""
        now = time.monotonic()
        if self._serves and not isinstance(getattr(error, "orig", error), _REFUSALS):
            self._deadline = now + UNSURE_SECONDS
            return False
        return now >= self._deadline
