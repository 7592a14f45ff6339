"""How many examples a test of any input plays: few by day, many by night."""

import os
from typing import Final

SHARE: Final = float(os.environ.get("EXAMPLES", "0.3"))
"""Of what a test asks for."""


def examples(count: int) -> int:
    return max(5, round(count * SHARE))
