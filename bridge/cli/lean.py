"""Imported before anything that imports structlog or httpx.

Where rich and pygments are installed, the one imports them for its tracebacks and the other for its command
line: 7 MiB that a daemon would carry for nothing.
"""

import sys

_UNWANTED = ("rich", "pygments")

for name in _UNWANTED:
    sys.modules[name] = None  # type: ignore[assignment]  # what the import system takes for "not there"
import httpx  # noqa: E402, F401  # only for its look around
import structlog  # noqa: E402, F401  # only for its look around

for name in _UNWANTED:
    del sys.modules[name]
