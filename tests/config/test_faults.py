from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import AfterValidator, BaseModel, Field, ValidationError

from bridge.config.document import read_documents
from bridge.config.faults import faults_of, in_order, suggest, suggest_or_list
from bridge.config.types import Strict
from bridge.errors import Fault


def _even(value: int) -> int:
    if value % 2:
        raise ValueError("is odd")
    return value


class Leaf(Strict):
    number: Annotated[int, Field(ge=0, lt=10), AfterValidator(_even)] = 0
    sender: Annotated[str, Field(alias="from", max_length=5, pattern="^[a-z]*$")] = ""
    level: Literal["low", "high"] = "low"
    switch: bool = False


class Tree(Strict):
    leaf: Leaf | None = None
    leaves: dict[str, list[Leaf]] = {}  # noqa: RUF012  # pydantic copies it
    either: int | list[int] = 0
    few: Annotated[list[int], Field(max_length=1)] = []  # noqa: RUF012  # pydantic copies it


def texts_of(folder: Path, text: str, model: type[BaseModel] = Tree) -> list[str]:
    file = folder / "f.yaml"
    file.write_text(text, encoding="utf-8")
    (document,) = read_documents(file)
    with pytest.raises(ValidationError) as caught:
        model.model_validate(document.data)
    faults = faults_of(caught.value, model, document)
    return [str(fault).replace(f"{file}:", "") for fault in faults]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("leaf: {number: 3}", "1:8: leaf.number: is odd"),
        ("leaf: {number: -1}", "1:8: leaf.number: must be at least 0"),
        ("leaf: {number: 10}", "1:8: leaf.number: must be less than 10"),
        (
            "leaf: {number: 1.5}",
            "1:8: leaf.number: must be a whole number, but is a decimal number: write digits only",
        ),
        (
            "leaf: {number: true}",
            "1:8: leaf.number: must be a whole number, but is a truth value: write digits only",
        ),
        ("leaf: {switch: 1}", "1:8: leaf.switch: must be true or false, but is a number: write true"),
        ("leaf: {switch: }", "1:8: leaf.switch: must be true or false, but is empty"),
        (
            "leaf: {from: [a]}",
            "1:8: leaf.from: must be text, but is a list: write one value, without [ ] and dashes",
        ),
        ("leaf: {from: true}", "1:8: leaf.from: must be text, but is a truth value: put it in quotes"),
        ("leaf: {from: abcdef}", "1:8: leaf.from: is over 5 characters"),
        ("leaf: {from: A}", "1:8: leaf.from: must match pattern '^[a-z]*$'"),
        ("leaf: {form: a}", "1:8: leaf.form: is not known; did you mean from?"),
        ("leaf: {level: [low]}", "1:8: leaf.level: must be low or high, but is a list"),
        ("leaf: {level: 登}", "1:8: leaf.level: 登 is not low or high"),
        ('leaf: {level: "a\\nb"}', "1:8: leaf.level: a?b is not low or high"),
        ("leaves: {a: [{}, {lvl: x}]}", "1:19: leaves.a[1].lvl: is not known; did you mean level?"),
        (
            "leaves: []",
            "1:1: leaves: must be a mapping, but is a list: write NAME: {…} for each, without dashes",
        ),
        ("few: [1, 2]", "1:1: few: can have at most 1 entry"),
    ],
)
def test_a_fault_is_reported_in_plain_words(tmp_path: Path, text: str, fault: str) -> None:
    assert texts_of(tmp_path, text) == [fault]


def test_the_members_of_a_union_are_no_part_of_the_path(tmp_path: Path) -> None:
    assert set(texts_of(tmp_path, "either: x")) == {
        "1:1: either: must be a whole number, but is text: write digits only",
        "1:1: either: must be a list, but is text: write either: [x]",
    }


def test_a_long_word_is_not_repeated_whole(tmp_path: Path) -> None:
    (fault,) = texts_of(tmp_path, f"leaf: {{level: {'x' * 1000}}}")
    assert fault == f"1:8: leaf.level: {'x' * 64}… is not low or high"


def test_what_is_far_from_everything_is_answered_with_all_that_is_known() -> None:
    assert suggest("zzz", ["jenkins", "local"]) == ""
    assert suggest_or_list("zzz", ["local", "jenkins"]) == "; known are jenkins, local"
    assert suggest_or_list("LOCAL", ["local", "jenkins"]) == "; did you mean local?"
    assert suggest_or_list("zzz", []) == ""
    assert suggest_or_list("zzz", [f"a{n:02}" for n in range(30)]).endswith("a19 …")


def test_faults_come_once_each_in_the_order_of_files_and_places() -> None:
    places = ["b.yaml:1:1", "a.yaml:10:1", "a.yaml:9:12", "a.yaml", "a.yaml:9:2", "b.yaml:1:1"]
    ordered = in_order(Fault(place, "", "x") for place in places)
    assert [fault.place for fault in ordered] == [
        "a.yaml", "a.yaml:9:2", "a.yaml:9:12", "a.yaml:10:1", "b.yaml:1:1",
    ]  # fmt: skip
