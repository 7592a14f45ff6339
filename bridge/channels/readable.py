"""What is sent, in a form to read."""

from collections.abc import Iterator

import orjson


def readable(document: object) -> str:
    """A JSON document without quotes; a text of several lines has a bar before each."""
    return "".join(f"{line}\n" for line in _lines(document))


def _lines(value: object) -> Iterator[str]:
    match value:
        case dict() if value:
            for name, each in value.items():
                yield from _named(name, [*_lines(each)], below=_is_long(each))
        case list() | tuple() if value:
            for each in value:
                first, *rest = _lines(each)
                yield f"- {first}"
                yield from (f"  {line}" for line in rest)
        case str() if "\n" in value:
            yield from (f"| {line}" if line else "|" for line in value.split("\n"))
        case str() if value:
            yield str(value)
        case _:
            yield orjson.dumps(value).decode()


def _is_long(value: object) -> bool:
    return bool(value) and (
        isinstance(value, dict | list | tuple) or (isinstance(value, str) and "\n" in value)
    )


def _named(name: str, lines: list[str], *, below: bool) -> Iterator[str]:
    if below:
        yield f"{name}:"
        yield from (f"  {line}" for line in lines)
    else:
        yield f"{name}: {lines[0]}"
