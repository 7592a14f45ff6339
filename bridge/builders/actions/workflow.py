"""What the file of a workflow declares, what a build lacks where it does not, and the cure. Pure."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from bridge.builders.actions.model import BUILD_ID
from bridge.builders.base import Advice, Handle, Sent, Target
from bridge.builders.log_text import one_line
from bridge.builders.repository_yaml import yaml_documents
from bridge.errors import Permanent
from bridge.model.build import BuildRequest, SeenJob

_IMAGES: Final = ("IMAGE", "TAGS")
_COMMIT: Final = ("COMMIT", "REF")
_MAX_NAMES: Final = 20


@dataclass(frozen=True, slots=True)
class Workflow:
    """A workflow as its file was at one ref.

    `declared` are its inputs, None where it takes a payload with everything. `required` are those of them
    that a run must have. With `shown`, the titles of its runs show our build id. `starts` says whether it
    runs when it is asked to.
    """

    file: str
    declared: Collection[str] | None
    required: Collection[str]
    shown: bool
    starts: bool

    @classmethod
    def parse(cls, file: str, text: bytes, event: str | None, values: str) -> "Workflow":
        """`event` is the type of the event that starts it, None for a call by hand.

        `values` is what its expressions call our variables. Raises Permanent.
        """
        try:
            # Of several documents no one is the workflow.
            (document,) = yaml_documents(text) or [None]
        except ValueError:
            raise Permanent(f"the workflow {file} is not YAML: correct it") from None
        found: Mapping[object, Any] = document if isinstance(document, dict) else {}
        # YAML reads the key `on` as true.
        triggers = found.get("on", found.get(True))
        title = found.get("run-name")
        shown = isinstance(title, str) and _shows(title, values)
        if event is not None:
            return cls(file, None, (), shown, starts=_takes(triggers, event))
        starts = _has(triggers, "workflow_dispatch")
        options = triggers.get("workflow_dispatch") if isinstance(triggers, dict) else None
        inputs = options.get("inputs") if isinstance(options, dict) else None
        declared = {str(name): one for name, one in inputs.items()} if isinstance(inputs, dict) else {}
        required = frozenset(name for name, one in declared.items() if _is_required(one))
        return cls(file, frozenset(declared), required, shown, starts)

    def gets(self, name: str) -> bool:
        return self.declared is None or name in self.declared

    @property
    def searchable(self) -> bool:
        return self.shown and self.gets(BUILD_ID)

    @property
    def gets_commit(self) -> bool:
        return any(self.gets(name) for name in _COMMIT)

    def values(self, request: BuildRequest) -> dict[str, str]:
        """The variables of a build that the workflow takes."""
        return {name: value for name, value in request.variables().items() if self.gets(name)}

    def missing(self, request: BuildRequest) -> list[str]:
        """The inputs that it must have, and that no one gives."""
        return [one_line(name) for name in sorted(self.required) if name not in request.variables()]

    def seen(self, now: float) -> SeenJob:
        """What is remembered of it; our build id counts only where the titles of runs show it."""
        names = set(self.declared or ()) - {BUILD_ID} | ({BUILD_ID} if self.searchable else set())
        return SeenJob(job=self.file, parameters=tuple(sorted(names)), seen_at=now)

    def sent(self, handle: Handle, detail: str, request: BuildRequest) -> Sent:
        """What there is to say of a build that this workflow has."""
        images = any(self.gets(name) for name in _IMAGES)
        undeclared = [name for name in sorted(request.parameters) if not self.gets(name)]
        missing = [*([] if images else ["the images to build (IMAGE, TAGS)"]), *undeclared]
        caveat = f"the workflow does not receive {', '.join(missing[:_MAX_NAMES])}" if missing else ""
        notes = [detail] if detail else []
        if not self.searchable:
            notes.append(f"the workflow does not show {BUILD_ID} in its `run-name`")
        return Sent(handle, "; ".join(notes), caveat, images_passed=images)


def _has(triggers: object, event: str) -> bool:
    return event in triggers if isinstance(triggers, dict | list) else triggers == event


def _takes(triggers: object, event: str) -> bool:
    """Whether a `repository_dispatch` of this type starts it."""
    options = triggers.get("repository_dispatch") if isinstance(triggers, dict) else None
    types = options.get("types") if isinstance(options, dict) else None
    named = types if isinstance(types, list) else [types]
    return _has(triggers, "repository_dispatch") and (types is None or event in named)


def _is_required(options: object) -> bool:
    return isinstance(options, dict) and options.get("required") is True and options.get("default") is None


def _shows(title: str, values: str) -> bool:
    name = re.escape(f"{values}.{BUILD_ID}")
    return re.search(rf"\$\{{\{{[^}}]*\b{name}\b[^}}]*\}}\}}", title) is not None


def identity_cure(values: str, *, by_hand: bool) -> str:
    """What makes runs recognisable; `values` is what expressions of the workflow call our variables."""
    declare = f"declare the input {BUILD_ID}, and " if by_hand else ""
    return f"{declare}write `run-name: ${{{{ {values}.{BUILD_ID} }}}}` into it"


def shortcomings(parameters: Collection[str], *, values: str, by_hand: bool) -> Iterator[str]:
    """What a workflow lacks for any build, each with the cure; `parameters` as in `Workflow.seen`."""
    if BUILD_ID not in parameters:
        cure = identity_cure(values, by_hand=by_hand)
        yield (
            f"does not show {BUILD_ID} in the titles of its runs: {cure}, otherwise an interrupted trigger "
            "cannot be checked"
        )
    if not by_hand:
        return
    if not any(name in parameters for name in _IMAGES):
        yield "does not receive the images to build: declare the inputs IMAGE and TAGS"
    if not any(name in parameters for name in _COMMIT):
        yield (
            "does not receive the commit to build: declare the input COMMIT and check it out, otherwise it "
            "builds the newest commit"
        )


def advice(
    builder: str,
    file: str,
    lacks: Callable[[Collection[str]], Iterator[str]],
    targets: Sequence[Target],
    seen: Sequence[SeenJob],
) -> Iterator[Advice]:
    """What calls have seen of the workflow that can do these rules no justice; `lacks` are `shortcomings`."""
    for one in seen:
        if one.job != file:
            continue
        moment = f"{datetime.fromtimestamp(one.seen_at, UTC):%Y-%m-%d %H:%M} UTC"
        then = f"the workflow {file}, as it was seen at {moment},"
        again = f"; then `buildbridge builders test {builder}` sees it anew"
        for shortcoming in lacks(one.parameters):
            yield Advice(f"{then} {shortcoming}{again}")
        for target in targets:
            dropped = [name for name in sorted(target.parameters) if name not in one.parameters]
            if dropped:
                names = one_line(", ".join(dropped[:_MAX_NAMES]))
                cure = "declare inputs of these names, or remove them from `parameters`"
                problem = f"{then} does not declare, and so does not get, {names}: {cure}{again}"
                yield Advice(problem, target.repository)
