"""What a job must declare, what a build lacks where it does not, and the cure. Pure."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from bridge.builders.base import Advice, Handle, Sent, Target
from bridge.builders.codearts.model import BUILD_ID
from bridge.model.build import BuildRequest, SeenJob

BRANCH: Final = "codeBranch"
"""The parameter of each job that says which branch it builds."""
_IMAGES: Final = ("IMAGE", "TAGS")
_MAX_NAMES: Final = 20


@dataclass(frozen=True, slots=True)
class DeclaredJob:
    """A job with the parameters that it declares; `names` are its own names for ours."""

    id: str
    declared: Collection[str]
    names: Mapping[str, str]

    def name(self, ours: str) -> str:
        return self.names.get(ours, ours)

    def gets(self, ours: str) -> bool:
        return self.name(ours) in self.declared

    @property
    def searchable(self) -> bool:
        return self.gets(BUILD_ID)

    def body(self, request: BuildRequest) -> Mapping[str, Any]:
        """The order to build; which of tag and commit would win is not documented, so it has one of them."""
        values = {self.name(name): value for name, value in request.variables().items() if self.gets(name)}
        if request.branch:
            values[BRANCH] = request.branch
        else:
            values.pop(BRANCH, None)
        scm = {"build_tag": request.tag} if request.tag else {}
        if not scm and request.commit:
            scm = {"build_commit_id": request.commit}
        parameters = [{"name": name, "value": value} for name, value in values.items()]
        return {"job_id": self.id, "parameter": parameters, **({"scm": scm} if scm else {})}

    def sent(self, handle: Handle, detail: str, request: BuildRequest) -> Sent:
        """What there is to say of a build that this job has."""
        images = any(self.gets(name) for name in _IMAGES)
        undeclared = [name for name in sorted(request.parameters) if not self.gets(name)]
        missing = [*([] if images else ["the images to build (IMAGE, TAGS)"]), *undeclared]
        caveat = f"the job does not receive {', '.join(missing[:_MAX_NAMES])}" if missing else ""
        dropped = [name for name in (BUILD_ID, *undeclared) if not self.gets(name)]
        note = f"the job does not declare, and so does not get: {', '.join(dropped[:_MAX_NAMES])}"
        details = [part for part in (detail, note if dropped else "") if part]
        return Sent(handle, "; ".join(details), caveat, images_passed=images)

    def shortcomings(self) -> Iterator[str]:
        """What this job lacks for any build, each with the cure."""
        if not self.searchable:
            yield (
                f"does not declare {self.name(BUILD_ID)}: add a text parameter of that name, otherwise an "
                "interrupted trigger cannot be checked"
            )
        if not any(self.gets(name) for name in _IMAGES):
            wanted = ", ".join(self.name(name) for name in _IMAGES)
            yield (
                f"does not receive the images to build ({wanted}): add text parameters of these names, or "
                "say in `names` what it calls them"
            )


def advice(
    builder: str, job: str, names: Mapping[str, str], targets: Sequence[Target], seen: Sequence[SeenJob]
) -> Iterator[Advice]:
    """What calls have seen of the job that can do these rules no justice."""
    for one in seen:
        if one.job != job:
            continue
        known = DeclaredJob("", one.parameters, names)
        moment = f"{datetime.fromtimestamp(one.seen_at, UTC):%Y-%m-%d %H:%M} UTC"
        job_then = f"the job {job!r}, as it was seen at {moment},"
        again = f"; then `buildbridge builders test {builder}` sees it anew"
        for shortcoming in known.shortcomings():
            yield Advice(f"{job_then} {shortcoming}{again}")
        for target in targets:
            if dropped := [name for name in sorted(target.parameters) if not known.gets(name)]:
                wanted = ", ".join(known.name(name) for name in dropped[:_MAX_NAMES])
                cure = "add text parameters of these names to it, or remove them from `parameters`"
                problem = f"{job_then} does not declare, and so does not get, {wanted}: {cure}{again}"
                yield Advice(problem, target.repository)
