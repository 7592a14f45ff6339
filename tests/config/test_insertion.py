"""An entry is added, and every other byte stays."""

from textwrap import indent

import pytest

from bridge.config.document import documents_of
from bridge.config.insertion import CannotInsert, insert

ENTRY = "new:  # ours\n  kind: X\n  # more: x\n"


@pytest.mark.parametrize(
    ("text", "indentation"),
    [
        ("a:\n  x: {k: 1}\n@", 2),
        ("# top\na:  # of a\n    x:\n        k: 1   # of k\n        # opt: 2\n@\n# of b\nb: 1\n", 4),
        ("a:\n  x: |\n    k\n    l\n@b: 1\n", 2),
        ("a:   # none yet\n@b: 1\n", 2),
        ("\ufeffa:\n  x: 1\n@# of b\nb: 1\n", 2),
    ],
    ids=["block", "comments", "block scalar", "empty", "byte order mark"],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_block_gets_an_entry_in_its_own_indentation(text: str, indentation: int, newline: str) -> None:
    """`@` is where the entry has to stand."""
    before, after = (
        text.replace("@", lines).replace("\n", newline) for lines in ("", indent(ENTRY, " " * indentation))
    )
    assert insert(before, ["a"], ENTRY) == after


def test_a_section_that_is_not_there_stands_at_the_end() -> None:
    assert insert("b: 1", ["a"], ENTRY) == "b: 1\na:\n" + indent(ENTRY, "  ")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a: {x: 1}  # c\n", "a: {x: 1, new: {kind: X}}  # c\n"),
        ("a: { x: 1, }\nb: [2]\n", "a: { x: 1,new: {kind: X} }\nb: [2]\n"),
        ("a: {}  # c\nb: 2\n", "a:  # c\n  new:  # ours\n    kind: X\n    # more: x\nb: 2\n"),
    ],
    ids=["flow", "comma", "nothing"],
)
def test_a_flow_mapping_stays_one(before: str, after: str) -> None:
    assert insert(before, ["a"], ENTRY) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a:\n  l:\n    - x: 1\n", "a:\n  l:\n    - x: 1\n    - y: 2\n"),
        ("a:\n  l:\n  - x: 1\nb: 1\n", "a:\n  l:\n  - x: 1\n  - y: 2\nb: 1\n"),
        ("a: {l: [{x: 1}]}\n", "a: {l: [{x: 1}, {y: 2}]}\n"),
        ("a:\n  m: 1\n", "a:\n  m: 1\n  l:\n    - y: 2\n"),
        ("b: 1\n", "b: 1\na:\n  l:\n    - y: 2\n"),
    ],
)
def test_a_list_gets_an_item(before: str, after: str) -> None:
    assert insert(before, ["a", "l"], "- y: 2\n") == after


@pytest.mark.parametrize("before", ["a: text\n", "a:\n  new: 1\n", "[a]\n"])
def test_what_cannot_take_the_entry_is_left_alone(before: str) -> None:
    with pytest.raises(CannotInsert):
        insert(before, ["a"], ENTRY)


def test_the_data_of_the_rest_is_the_same() -> None:
    before = "# c\nsources: {a: {k: [1, 'yes', 1.10]}}\nb: {c: {d: e}}\n"
    (was,), (is_now,) = (documents_of("", text) for text in (before, insert(before, ["sources"], ENTRY)))
    assert isinstance(was.data, dict)
    assert is_now.data == {**was.data, "sources": {**was.data["sources"], "new": {"kind": "X"}}}
