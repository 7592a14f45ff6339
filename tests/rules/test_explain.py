"""What is kept of a evaluation has a bounded size."""

from pathlib import Path

from support.rules import AT, push, rules, tag_config

from bridge.rules.explain import MAX_STORED, evaluate, stored_documents


def test_what_is_kept_of_many_refs_is_bounded_and_says_what_was_left_off(tmp_path: Path) -> None:
    found = rules(tmp_path, *(tag_config(f"branch-{number}") for number in range(100)))
    events = [push(f"{number:03}-{'x' * 1000}") for number in range(100)]
    documents = stored_documents(evaluate("Gitee", events, found, AT, "gitee"))
    assert len(documents) == len(events)
    assert sum(len(document["rejections"]) for document in documents) == MAX_STORED
    assert sum(document["left_off"] for document in documents) == 100 * 100 - MAX_STORED
    assert max(len(one["why"]) for document in documents for one in document["rejections"]) <= 500
