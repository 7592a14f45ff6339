"""Where a character of a value stands in its file, in each way in which YAML writes a text."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bridge.config.document import documents_of
from bridge.config.inner_place import place_within


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("a: {b: [x, one § two]}\n", 1, 16),
        ("a:\n  b:\n    - x\n    - one §\n", 4, 11),
        ('a: {b: [x, "one § two"]}\n', 1, 17),
        ("a: {b: [x, 'one §']}\n", 1, 17),
        ("a: {b: [x, 'it''s one §']}\n", 1, 23),
        ('a: {b: [x, "\\"\\x41\\n\\u0020\\t é §"]}\n', 1, 32),
        ('a: {b: [x, "one \\\n    two §"]}\n', 2, 9),
        ("a:\n  b:\n    - x\n    - |  # of lines\n\n      one\n        two §\n", 7, 13),
        ("a:\n  b:\n    - x\n    - |2-\n        one\n       §\n", 6, 8),
        ("a:\r\n  b:\r\n    - x\r\n    - |\r\n      one\r\n      two §\r\n", 6, 11),
        ("a:\n  b:\n    - x\n    - >-\n      one\n      two\n\n      three §\n", 8, 13),
        ("a:\n  b:\n    - x\n    - one\n      two\n      three §\n", 6, 13),
        ("a:\n  b:\n    - x\n    - 修复 𠮷 §\n", 4, 12),
        ("# é\na:\n  b: [x, §]\n", 3, 10),
    ],
)
def test_a_character_is_found_in_every_style(text: str, line: int, column: int) -> None:
    (document,) = documents_of("f.yaml", text)
    value = yaml.safe_load(text)["a"]["b"][1]
    fault = document.fault_within(("a", "b", 1), value.index("§"), "is odd")
    assert str(fault) == f"f.yaml:{line}:{column}: a.b[1]: is odd"


@given(
    before=st.text("ab \n'\"\\é修{}:#-", max_size=30),
    after=st.text("ab \n'\"\\", max_size=10),
    style=st.sampled_from(["|", ">", "'", '"', None]),
    width=st.sampled_from([10, 80]),
)
def test_it_is_found_in_whatever_yaml_is_written(before: str, after: str, style: str, width: int) -> None:
    value = f"{before}§{after}"
    text = yaml.safe_dump({"k": {"v": value}}, default_style=style, width=width, allow_unicode=True)
    line, column = place_within(text, ("k", "v"), len(before))
    assert text.split("\n")[line - 1][column - 1] == "§"


def test_white_space_is_where_the_next_character_is_and_the_end_where_the_last_one_was() -> None:
    text = "k: 'a   b'\n"
    assert place_within(text, ("k",), 1) == place_within(text, ("k",), 4) == (1, 9)
    assert place_within(text, ("k",), 5) == (1, 9)
