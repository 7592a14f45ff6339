"""Every guide stands in both languages, and they say the same; the Chinese ones are set as Chinese is."""

import ast
import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from support.chinese_setting import HAN, check_setting
from support.guides import outline_of, prose
from support.source_texts import is_said

import bridge
from bridge.cli.chinese import SENTENCES as CLI
from bridge.demo.chinese import SENTENCES as DEMO
from bridge.forges.chinese import REASONS
from bridge.registry import ADAPTERS
from bridge.runtime.topics import Topic, topics

TOPICS = {f"{topic.group}/{topic.name}": topic for topic in topics(ADAPTERS)}

every_topic = pytest.mark.parametrize("topic", TOPICS.values(), ids=TOPICS)


@every_topic
def test_both_languages_have_the_same_headings_blocks_and_tables(topic: Topic) -> None:
    chinese = topic.text("zh-CN")
    assert re.search(f"[{HAN}]", prose(chinese)), "there is no guide.zh-CN.md"
    assert outline_of(chinese) == outline_of(topic.text("en"))


@every_topic
def test_chinese_is_set_as_chinese(topic: Topic) -> None:
    for line in prose(topic.text("zh-CN")).splitlines():
        check_setting(line)


@pytest.mark.parametrize(("folder", "chinese"), [("cli", CLI), ("demo", DEMO)])
def test_each_sentence_of_commands_and_the_demo_is_in_chinese_with_the_same_values(
    folder: str, chinese: Mapping[str, str]
) -> None:
    said = sentences_of(Path(bridge.__file__).parent / folder)
    assert said
    assert said <= {*chinese}, "these have no Chinese form"
    for english, translated in chinese.items():
        values = [sorted(re.findall(r"\{\w+\}", text)) for text in (english, translated)]
        assert values[0] == values[1]
        check_setting(re.sub(r"`[^`]+`", "`x`", translated))


def test_each_reason_that_has_a_chinese_form_is_really_said() -> None:
    for english, translated in REASONS.items():
        said = english.removeprefix("{}: ").replace("{}", "…").strip("… ")
        assert is_said(said), english
        assert sorted(re.findall(r"\{\d\}", translated)) == [f"{{{n}}}" for n in range(english.count("{}"))]
        check_setting(translated)


def sentences_of(folder: Path) -> set[str]:
    """The literals that `tell` is given."""
    found: set[str] = set()
    for file in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            match node:
                case ast.Call(
                    func=ast.Name(id="tell") | ast.Attribute(attr="tell"),
                    args=[ast.Constant(value=str(text))],
                ):
                    found.add(text)
                case _:
                    pass
    return found
