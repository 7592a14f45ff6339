"""The keys of a schedule in a rule."""

from typing import Annotated

from pydantic import Field, model_validator

from bridge.config.types import Strict, wrong
from bridge.rules.cron import MAX_LENGTH, BadCron, compile_cron


class Schedule(Strict):
    """A cron schedule: at these times the newest commit of a branch is built, also without a push."""

    cron: Annotated[str, Field(min_length=1, max_length=MAX_LENGTH)]
    """Minute, hour, day, month and day of week, such as `0 3 * * *`."""
    timezone: Annotated[str, Field(min_length=1, max_length=64)] = "UTC"
    """The time zone of `cron`, such as Asia/Shanghai."""
    branch: Annotated[str, Field(min_length=1, max_length=1024)]
    """The branch to build."""

    @classmethod
    def longhand(cls, given: object) -> dict[str, object] | None:
        """The times alone."""
        return {"cron": given, "branch": "main"} if isinstance(given, str) else None

    @model_validator(mode="after")
    def _is_due(self) -> "Schedule":
        try:
            compile_cron(self.cron, self.timezone)
        except BadCron as error:
            raise wrong("cron", str(error)) from None
        return self
