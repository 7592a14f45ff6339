"""What stays in memory while the API and the pages are made anew for another configuration."""

from typing import Any

from bridge.web.limits import AttemptLimits


class SiteMemory:
    """The wrong tokens of clients, and what pages have answered, by name; `now` is in Unix seconds."""

    def __init__(self, now: float) -> None:
        self.attempts = AttemptLimits(now)
        self.answers: dict[str, Any] = {}
