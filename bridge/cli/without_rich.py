"""Imports structlog and httpx without what they would use; import it before anything that imports the two.

structlog imports rich for its tracebacks, httpx for its command line, where it is installed: 7 MiB that the
daemon does not use. Nor do servers get to know that we could read answers in Zstandard.
"""

import sys

_UNWANTED = ("rich", "pygments", "httpx._main", "zstandard")

for name in _UNWANTED:
    sys.modules[name] = None  # type: ignore[assignment]  # the import system reads this as "not installed"
import httpx  # noqa: E402, F401  # only to import it here
import structlog  # noqa: E402, F401  # only to import it here

for name in _UNWANTED:
    del sys.modules[name]
