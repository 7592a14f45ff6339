from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.examples import examples

from bridge.config.document import MAX_BYTES, MAX_DOCUMENTS, MAX_NODES, Document, dotted, read_documents
from bridge.errors import ConfigError


def read(folder: Path, text: str | bytes) -> list[Document]:
    file = folder / "file.yaml"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_documents(file)


def refusal(folder: Path, text: str | bytes) -> str:
    with pytest.raises(ConfigError) as caught:
        read(folder, text)
    return str(caught.value).replace(f"{folder}/", "")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True), ("False", False), ("yes", "yes"), ("on", "on"), ("y", "y"),
        ("2024-01-02", "2024-01-02"), ("2024-01-02T03:04:05Z", "2024-01-02T03:04:05Z"),
        ("0755", "0755"), ("0o17", "0o17"), ("0x1F", "0x1F"), ("1_000", "1_000"), ("12:30:45", "12:30:45"),
        ("42", 42), ("-7", -7), ("0", 0), ("1.10", 1.1), (".inf", ".inf"), ("1e3", "1e3"),
        ("9" * 30, "9" * 30),
        ("~", None), ("null", None), ("''", ""), ("'true'", "true"), ('"12"', "12"), ("=", "="), ("<<", "<<"),
    ],
)  # fmt: skip
def test_a_plain_value_is_what_it_looks_like(tmp_path: Path, text: str, value: object) -> None:
    (document,) = read(tmp_path, f"key: {text}\n")
    found = document.data["key"] if isinstance(document.data, dict) else None
    assert (found, type(found)) == (value, type(value))


def test_keys_are_always_text(tmp_path: Path) -> None:
    (document,) = read(tmp_path, "on: 1\nyes: 2\n3: 3\nnull: 4\n2024-01-02: 5\n")
    assert document.data == {"on": 1, "yes": 2, "3": 3, "null": 4, "2024-01-02": 5}


def test_every_key_and_every_item_has_its_place(tmp_path: Path) -> None:
    (document,) = read(tmp_path, "a:\n  b:\n    - x\n    - c: {d: 1}\n")
    places = {dotted(loc): mark for loc, mark in document.marks.items()}
    assert places == {
        "": (1, 1), "a": (1, 1), "a.b": (2, 3), "a.b[0]": (3, 7), "a.b[1]": (4, 7), "a.b[1].c": (4, 7),
        "a.b[1].c.d": (4, 11),
    }  # fmt: skip


def test_columns_count_letters_not_bytes(tmp_path: Path) -> None:
    (document,) = read(tmp_path, "{描述: 商店, 键: 1}\n")
    assert document.marks["键",] == (1, 10)


def test_the_place_of_something_missing_is_what_is_around_it(tmp_path: Path) -> None:
    (document,) = read(tmp_path, "a:\n  b: 1\n")
    assert document.place(("a", "c", 0)).endswith("file.yaml:1:1")
    assert document.place(("a", "b", "x")).endswith("file.yaml:2:3")


def test_a_file_holds_several_documents_and_empty_ones_do_not_count(tmp_path: Path) -> None:
    documents = read(tmp_path, "---\na: 1\n---\n# nothing\n---\nb: 2\n...\n---\n")
    assert [document.data for document in documents] == [{"a": 1}, {"b": 2}]
    assert documents[1].place(("b",)).endswith(":6:1")


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path: Path) -> None:
    assert read(tmp_path, b"\xef\xbb\xbfa: 1\n")[0].data == {"a": 1}


def test_a_key_given_twice_is_reported_with_both_places_and_the_first_one_counts(tmp_path: Path) -> None:
    (document,) = read(tmp_path, "a: {b: 1, c: 2, b: {x: [3]}}\n")
    fault = [str(fault).replace(f"{tmp_path}/", "") for fault in document.faults]
    assert fault == ["file.yaml:1:17: a.b: is given twice; the first is at file.yaml:1:5"]
    assert document.data == {"a": {"b": 1, "c": 2}}


def test_an_alias_bomb_is_rejected_before_anything_is_made_of_it(tmp_path: Path) -> None:
    bomb = "a: &a [x, x]\n" + "".join(f"b{n}: &b{n} [*a, *a]\n" for n in range(30))
    fault = refusal(tmp_path, bomb)
    assert fault.startswith("file.yaml:1:4: a: &a is a YAML anchor, which is not allowed")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (b"a: \xff\n", "file.yaml:1:4: is not UTF-8 text"),
        (b"a: 1\nb: \x00\n", "file.yaml:2:4: the control character U+0000 is not allowed"),
        ("a" * (MAX_BYTES + 1), "file.yaml: is over 1 MiB: split it into several files"),
        ("[" * 33 + "]" * 33, "file.yaml:1:33: is nested over 32 deep"),
        ("[" * 500_000, "file.yaml:1:33: is nested over 32 deep"),
        ("a: " + "[" * 1001 + "]" * 1001, "file.yaml:1:35: is nested over 32 deep"),
        ("- " * 1001 + "x", "file.yaml:1:65: is nested over 32 deep"),
        ("a: [" + "1," * MAX_NODES + "]", "file.yaml:1:399999: a[199997]: the file holds over 200000 values"),
        ("--- 1\n" * (MAX_DOCUMENTS + 1), "file.yaml:1001:1: the file holds over 1000 documents: split it"),
        ("? [a]\n: 1\n", "file.yaml:1:3: a key must be text: put a value that begins with { or [ in quotes"),
        ("a: !!python/object/apply:os.system [x]\n", "file.yaml:1:4: a: !!python/object/apply:os.system is"),
        ("a: @b\n", "file.yaml:1:4: a value cannot begin with @: put it in quotes"),
        ("a: %b\n", "file.yaml:1:4: a value cannot begin with %: put it in quotes"),
        ('a: "\\d"\n', "file.yaml:1:4: a quote has no end, or a backslash in it is not doubled"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_rejected_with_its_place(
    tmp_path: Path, text: str | bytes, fault: str
) -> None:
    assert refusal(tmp_path, text).startswith(fault)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"file\.yaml: is not a file"):
        read_documents(_made(tmp_path / "file.yaml"))


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def test_a_file_that_is_not_there_is_reported_by_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.yaml: cannot be read: No such file or directory"):
        read_documents(tmp_path / "absent.yaml")


YAMLISH = st.text(alphabet="ab01:-[]{}\"'&*!|>%@` \n\t#,?~<.\r\x85\u2028登", max_size=60)


@given(text=st.one_of(YAMLISH, st.text(max_size=40)))
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=examples(300), deadline=None
)
def test_whatever_stands_in_a_file_it_is_data_or_a_fault(tmp_path: Path, text: str) -> None:
    try:
        documents = read(tmp_path, text.encode("utf-8", "surrogatepass"))
    except ConfigError as error:
        assert all("\n" not in str(fault) and fault.place for fault in error.faults)  # noqa: PT017  # either way is right
    else:
        assert all(isinstance(document.marks[()], tuple) for document in documents)
