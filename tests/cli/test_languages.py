# ruff: noqa: RUF001  # Chinese sentences carry Chinese punctuation
"""Every guide stands in both languages, and they say the same; the Chinese ones are set as Chinese is."""

import re

import pytest
from support.guides import outline_of, prose

from bridge.cli.topics import Topic, topics

TOPICS = {f"{topic.group}/{topic.name}": topic for topic in topics()}
_HAN = r"\u3400-\u9fff"
_CLOSE = re.compile(rf"[{_HAN}][A-Za-z0-9`]|[A-Za-z0-9`%][{_HAN}]")
"""A Chinese character and a Latin one without a space between them."""
_HALF = re.compile(rf"[{_HAN}][,;:?!()]|[,;:?!(] ?[{_HAN}]|[{_HAN}]\.(?:\s|$)")
"""A half-width mark in a Chinese sentence."""
_SPACED = re.compile(r" [，。；：（）、“”]|[，。；：（）、“”] (?![|])")
"""A space beside a full-width mark, which has its own."""

every_topic = pytest.mark.parametrize("topic", TOPICS.values(), ids=TOPICS)


@every_topic
def test_both_languages_have_the_same_headings_blocks_and_tables(topic: Topic) -> None:
    chinese = topic.text("zh-CN")
    assert re.search(f"[{_HAN}]", prose(chinese)), "there is no guide.zh-CN.md"
    assert outline_of(chinese) == outline_of(topic.text("en"))


@every_topic
def test_chinese_is_set_as_chinese(topic: Topic) -> None:
    for line in prose(topic.text("zh-CN")).splitlines():
        for wrong in (_CLOSE, _HALF, _SPACED):
            assert wrong.findall(line) == [], line
