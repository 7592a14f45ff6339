"""The settings that all builders of workflows have."""

from typing import Annotated

from pydantic import StringConstraints

from bridge.builders.actions.model import FullName, WorkflowFile
from bridge.builders.settings import ServerSettings


class ActionsSettings(ServerSettings):
    """A workflow of a repository."""

    repository: FullName
    """The full name of the repository that has the workflow, such as acme/shop."""
    workflow: WorkflowFile
    """The name of the workflow's file, such as build.yml."""
    branch: (
        Annotated[str, StringConstraints(min_length=1, max_length=250, pattern=r"^[^\x00-\x20]+$")] | None
    ) = None
    """The branch whose workflow always runs, and has to check out COMMIT by itself; else what was pushed."""
