"""How a build is ordered: what goes out, what it lacks, and what a refusal means. Pure."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from bridge.builders.base import Advice, Outcome, Rejected, Retry, Sent, Target
from bridge.builders.gitlab_ci.model import BUILD_ID, GitLabRef
from bridge.builders.gitlab_ci.settings import GitLabSettings
from bridge.builders.server import Answer
from bridge.model.build import BuildRequest

OURS: Final = frozenset(
    {
        BUILD_ID,
        "IMAGE",
        "TAGS",
        "VERSION_TAG",
        "REPO_URL",
        "REF",
        "BRANCH",
        "TAG",
        "COMMIT",
        "CONTEXT",
        "DOCKERFILE",
    }
)
"""The names of what every build has."""
_NAME: Final = re.compile(r"[A-Za-z0-9_]{1,255}")
_IMAGES: Final = ("IMAGE", "TAGS")
_RATE_PAUSE: Final = 60.0

_ROLE: Final = "Minimum role to use pipeline variables (ci_pipeline_variables_minimum_override_role)"
VARIABLES_CURE: Final = (
    f"in the project's CI/CD settings set '{_ROLE}' to a role that its user has, or let `inputs` take the "
    "parameters"
)


class Order:
    """What the settings of one builder make of requests."""

    def __init__(self, settings: GitLabSettings) -> None:
        self._inputs = settings.inputs
        self._ref = settings.ref
        self._trigger_token = settings.trigger_token

    @property
    def by_inputs(self) -> bool:
        return bool(self._inputs)

    @property
    def searchable(self) -> bool:
        """Whether our build id travels with a build."""
        return not self._inputs or BUILD_ID in self._inputs

    def body(self, request: BuildRequest) -> bytes:
        """The order as JSON; the full name of a ref distinguishes a branch from a tag of that name."""
        document: dict[str, Any] = {"ref": self._ref or request.ref}
        values = request.variables()
        if self._inputs:
            document["inputs"] = {name: values[ours] for ours, name in self._inputs.items() if ours in values}
        elif self._trigger_token:
            document["variables"] = values
        else:
            document["variables"] = [{"key": name, "value": value} for name, value in values.items()]
        if self._trigger_token:
            document["token"] = self._trigger_token.reveal()
        return json.dumps(document).encode()

    def sent(self, ref: GitLabRef, detail: str, request: BuildRequest) -> Sent:
        """A fixed `ref` is expected to build another commit: its pipeline fetches ours."""
        images = not self._inputs or any(name in self._inputs for name in _IMAGES)
        missing = [
            *([] if images else ["the images to build (IMAGE, TAGS)"]),
            *self._dropped(request.parameters),
        ]
        notes = [f"the pipeline has no input for {', '.join(missing)}"] if missing else []
        if request.commit and ref.commit not in {"", request.commit} and not self._ref:
            notes.append(
                f"GitLab builds {ref.commit[:12]}, the newest commit of {request.branch or request.tag}, "
                f"in place of {request.commit[:12]}"
            )
        return Sent(ref.handle, detail, "; ".join(notes), images_passed=images)

    def refused(self, answer: Answer) -> Outcome | None:
        """What GitLab's own words mean; None for what means the same for each server."""
        if answer.sign_in:
            return None
        if answer.status == 404:  # noqa: PLR2004  # an HTTP status
            what = (
                "or the trigger token is not one of this project" if self._trigger_token else "to this token"
            )
            return Retry(
                f"GitLab shows no such project {what} (404): check `project` and the token", denied=True
            )
        if answer.status != 400:  # noqa: PLR2004  # an HTTP status
            return None
        for words, outcome in _REFUSALS.items():
            if words in answer.body:
                return outcome
        if self._inputs and b"input" in answer.body:
            return Rejected(
                "GitLab does not take these inputs (400): declare each of `inputs` under `spec: inputs:` of "
                "the pipeline, as a string, and no others without a default"
            )
        return None

    def advice(self, targets: Sequence[Target]) -> Iterator[Advice]:
        if not self._inputs:
            for target in targets:
                if bad := sorted(name for name in target.parameters if not _NAME.fullmatch(name)):
                    yield Advice(
                        f"GitLab takes no variable that is called {', '.join(bad)}: use letters, digits and "
                        "_ in `parameters`",
                        target.repository,
                    )
            return
        for shortcoming in self.shortcomings():
            yield Advice(shortcoming)
        known = OURS.union(*(target.parameters for target in targets))
        if unknown := sorted(self._inputs.keys() - known):
            yield Advice(f"`inputs` names {', '.join(unknown)}, which no build has: correct the name")
        for target in targets:
            if dropped := self._dropped(target.parameters):
                yield Advice(
                    f"`inputs` of the builder has none for {', '.join(dropped)}: add them to it, and to the "
                    "pipeline, or remove them from `parameters`",
                    target.repository,
                )

    def shortcomings(self) -> Iterator[str]:
        """What any build lacks, each with the cure."""
        if not self.searchable:
            yield (
                f"`inputs` has none for {BUILD_ID}: add one, and show it in `workflow: name:` of the "
                "pipeline; otherwise a trigger that was not answered is left to you"
            )
        if self._inputs and not any(name in self._inputs for name in _IMAGES):
            yield f"`inputs` has none for the images to build: add {' and '.join(_IMAGES)}"

    def _dropped(self, parameters: Sequence[str] | Mapping[str, str]) -> Sequence[str]:
        return [name for name in sorted(parameters) if name not in self._inputs] if self._inputs else ()


_REFUSALS: Final[Mapping[bytes, Outcome]] = {
    b"Insufficient permissions to set pipeline variables": Retry(
        f"GitLab does not let this token set variables of a pipeline (400): {VARIABLES_CURE}", denied=True
    ),
    b"Insufficient permissions to create a new pipeline": Retry(
        "GitLab does not let this token start pipelines (400): its user needs the role Developer", denied=True
    ),
    b"Pipelines are disabled": Retry("CI/CD is off in this project of GitLab (400): turn it on", denied=True),
    b"sufficient permission to run a pipeline": Rejected(
        "the branch or tag is protected in GitLab (400): let the token's user push, merge or create it"
    ),
    b"Reference not found": Rejected("GitLab has no such branch or tag (400)"),
    b"Commit not found": Rejected("GitLab has no such branch or tag (400)"),
    b"Missing CI config file": Rejected("this branch or tag has no .gitlab-ci.yml in GitLab (400): add one"),
    b"Pipeline will not run": Rejected(
        "the rules of .gitlab-ci.yml leave no job (400): let them take pipelines whose CI_PIPELINE_SOURCE is "
        "api or trigger"
    ),
    b"No stages / jobs": Rejected(
        "the .gitlab-ci.yml of this branch or tag has no job for this pipeline (400)"
    ),
    b"filtered out by workflow rules": Rejected(
        "`workflow: rules:` of .gitlab-ci.yml leave this pipeline out (400): let them take pipelines whose "
        "CI_PIPELINE_SOURCE is api or trigger"
    ),
    b"Too many pipelines created": Retry(
        "GitLab starts no more pipelines of this commit now (400)", _RATE_PAUSE
    ),
}
"""What GitLab says of an order that it does not take; nothing was started."""
