"""Imported before anything that imports structlog or httpx.

Where rich is installed, the one imports it for its tracebacks and the other for its command line: 6 MiB that
a daemon would carry for nothing.
"""

import sys

sys.modules["rich"] = None  # type: ignore[assignment]  # what the import system takes for "not there"
import httpx  # noqa: E402, F401  # only for its look around
import structlog  # noqa: E402, F401  # only for its look around

del sys.modules["rich"]
