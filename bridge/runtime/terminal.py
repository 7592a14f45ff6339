"""Codes for terminals in texts: colours, titles, moves of the cursor."""

import re
from typing import Final

CODES: Final = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]{0,1000}(?:\x07|\x1b\\)?|[@-Z\\^_])")
"""One code; what a title may have is bounded."""


def without_codes(text: str) -> str:
    """The text without its codes."""
    return CODES.sub("", text) if "\x1b" in text else text
