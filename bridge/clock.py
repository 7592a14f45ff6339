"""The clock as an argument, so that tests can turn it."""

import time
from collections.abc import Callable

Clock = Callable[[], float]
"""Now, in Unix seconds."""

system_clock: Clock = time.time
