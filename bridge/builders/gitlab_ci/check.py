"""What `test` says of a project and a token: the commonest mistakes, each by name. Pure."""

from collections.abc import Iterator, Mapping
from typing import Final

from bridge.builders.gitlab_ci.model import ProjectDocument, TokenDocument
from bridge.builders.gitlab_ci.order import VARIABLES_CURE

_DEVELOPER: Final = 30
_MAINTAINER: Final = 40
_LEVELS: Final[Mapping[str, int]] = {"developer": _DEVELOPER, "maintainer": _MAINTAINER, "owner": 50}
_ROLES: Final[Mapping[int, str]] = {
    5: "Minimal Access",
    10: "Guest",
    15: "Planner",
    20: "Reporter",
    _DEVELOPER: "Developer",
    _MAINTAINER: "Maintainer",
    50: "Owner",
}


def mistakes(
    project: ProjectDocument, token: TokenDocument | None, *, triggers: bool, by_inputs: bool
) -> Iterator[str]:
    """What hinders builds; with `triggers` a trigger token starts them, and the other one only reads."""
    if project.archived:
        yield "the project is archived, so GitLab starts no pipelines of it"
    if project.builds == "disabled":
        yield "CI/CD is off in the project: turn it on"
    if token and not triggers and "api" not in token.scopes:
        yield "the token may not start pipelines: it needs the scope api"
    if token and triggers and not {"api", "read_api"}.intersection(token.scopes):
        yield "the token may not read pipelines: it needs the scope read_api"
    elif token and triggers and "api" not in token.scopes:
        yield "the token may not cancel pipelines, which needs the scope api"
    level = project.level
    if level is not None and level < _DEVELOPER and not triggers:
        yield f"the token's user is {_ROLES.get(level, level)} there, and needs the role Developer"
    if level is not None and level < _MAINTAINER and triggers and not by_inputs:
        yield (
            "the variables of a pipeline are shown to who started it and to Maintainers: unless the trigger "
            "token is of the token's user, a trigger that was not answered is left to you"
        )
    if not by_inputs and (why := _variables(project, None if triggers else level)):
        yield f"{why}: {VARIABLES_CURE}"


def _variables(project: ProjectDocument, level: int | None) -> str:
    """Why no variables may travel with a pipeline; "" where they may, or the project does not say."""
    if project.restricted is False or project.minimum_role is None:
        return ""
    if project.minimum_role == "no_one_allowed":
        return "no one may set variables of pipelines in the project"
    wanted = _LEVELS.get(project.minimum_role)
    if wanted is None or level is None or level >= wanted:
        return ""
    return f"only the role {_ROLES[wanted]} may set variables of pipelines in the project"
