"""The paths of the dialects: none of them answers for another."""

from itertools import combinations

from bridge.web.api.app import DIALECTS
from bridge.web.api.operation import Dialect


def parts(path: str) -> list[str | None]:
    """The segments of a path, None for one that may be anything or any number."""
    return [None if part.startswith("{") else part for part in path.strip("/").split("/")]


def meet(one: str, other: str) -> bool:
    """Whether there is an address that fits both."""
    first, second = parts(one), parts(other)
    return len(first) == len(second) and all(
        a is None or b is None or a == b for a, b in zip(first, second, strict=True)
    )


def test_no_path_of_a_dialect_shadows_one_of_another() -> None:
    paths: list[tuple[type[Dialect], str]] = [
        (dialect, path) for dialect in DIALECTS for path in {one.path for one in dialect.operations}
    ]
    assert {dialect for dialect, _ in paths} == set(DIALECTS)
    assert [
        (one, other)
        for (dialect, one), (another, other) in combinations(paths, 2)
        if dialect is not another and meet(one, other)
    ] == []


def test_what_belongs_to_a_dialect_belongs_to_no_other() -> None:
    for dialect in DIALECTS:
        for other in DIALECTS:
            if other is not dialect:
                assert not [one.path for one in other.operations if one.path.startswith(dialect.below)]
    assert meet("/v1/{a}/list", "/v1/{b}/list")
    assert not meet("/v1/builds", "/v1/builds/{id}")
