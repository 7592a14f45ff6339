"""The settings that all builders of workflows have."""

from bridge.builders.actions.model import FullName, WorkflowFile
from bridge.builders.settings import RefName, ServerSettings


class ActionsSettings(ServerSettings):
    """A workflow of a repository."""

    repository: FullName
    """The full name of the repository that has the workflow, such as acme/shop."""
    workflow: WorkflowFile
    """The name of the workflow's file, such as build.yml."""
    branch: RefName | None = None
    """The branch whose workflow always runs, and has to check out COMMIT by itself; else what was pushed."""
