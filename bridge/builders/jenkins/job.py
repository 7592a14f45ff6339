"""What a job must declare, what a build lacks where it does not, and the cure. Pure."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from bridge.builders.base import Advice, Handle, Sent, Target
from bridge.builders.jenkins.items import BUILD_ID
from bridge.model.build import BuildRequest, SeenJob

_IMAGES: Final = "the images to build (IMAGE, TAGS)"
_ESSENTIAL: Final[Mapping[str, Sequence[str]]] = {
    "the commit to build (COMMIT, REF)": ("COMMIT", "REF", "BRANCH", "TAG"),
    _IMAGES: ("IMAGE", "TAGS"),
}
_MAX_NAMES: Final = 20


def undeclared(declared: Collection[str], names: Iterable[str]) -> list[str]:
    """Those of `names` that Jenkins would silently drop."""
    return [name for name in names if name not in declared]


def sent(handle: Handle, detail: str, declared: Collection[str], request: BuildRequest) -> Sent:
    """What there is to say of a build that a job with these parameters has."""
    missing = [*_lacking(declared), *undeclared(declared, sorted(request.parameters))]
    caveat = f"the job does not receive {', '.join(missing[:_MAX_NAMES])}" if missing else ""
    return Sent(handle, detail, caveat, images_passed=_IMAGES not in missing)


def shortcomings(declared: Collection[str]) -> Iterator[str]:
    """What this job lacks for any build, each with the cure."""
    if BUILD_ID not in declared:
        yield (
            f"does not declare {BUILD_ID}: add a string parameter of that name, "
            "otherwise two pushes can share one build, and an interrupted trigger cannot be checked"
        )
    if lacking := _lacking(declared):
        yield (
            f"does not receive {', '.join(lacking)}: add string parameters of these names, "
            "otherwise it builds the same for every push"
        )


def advice(builder: str, job: str, targets: Sequence[Target], seen: Sequence[SeenJob]) -> Iterator[Advice]:
    """What calls have seen of the job that can do these rules no justice."""
    for one in seen:
        if one.job != job:
            continue
        moment = f"{datetime.fromtimestamp(one.seen_at, UTC):%Y-%m-%d %H:%M} UTC"
        job_then = f"the job {job!r}, as it was seen at {moment},"
        again = f"; then `buildbridge builders test {builder}` sees it anew"
        for shortcoming in shortcomings(one.parameters):
            yield Advice(f"{job_then} {shortcoming}{again}")
        for target in targets:
            if dropped := undeclared(one.parameters, sorted(target.parameters)):
                names = ", ".join(dropped[:_MAX_NAMES])
                cure = "add string parameters of these names to it, or remove them from `parameters`"
                problem = f"{job_then} does not declare, and so does not get, {names}: {cure}{again}"
                yield Advice(problem, target.repository)


def _lacking(declared: Collection[str]) -> list[str]:
    return [what for what, names in _ESSENTIAL.items() if len(undeclared(declared, names)) == len(names)]
