"""The messages about typical builds are those that were read."""

import re

import pytest
from notice_samples import FOLDER, kept, samples
from support.notice_cases import CASES
from support.notices import context

from bridge.builders.local.builder import LocalBuilder
from bridge.channels.content import DETAILS
from bridge.channels.rendering import compose
from bridge.registry import CHANNELS

AGAIN = "if this is meant to be new: .venv/bin/python tests/notice_samples.py"

NAMES = re.compile(
    r"registry\.example\.com/\S+|shop-\w+:latest|acme/shop|buildbridge builds log|N-\w+|"
    r"\b(?:main|jenkins|here|ann|Ann Lee|Unit tests|b485eebf|ops)\b"
)
"""What strangers call things, and what a shell has to read."""


@pytest.mark.parametrize("kind", CHANNELS)
async def test_the_messages_of_a_kind_about_typical_builds_are_those_that_were_read(kind: str) -> None:
    found, read = await samples(kind), kept(kind)
    assert found.keys() == read.keys(), f"{AGAIN} {kind}"
    for name, text in found.items():
        assert text == read[name], f"{AGAIN} {kind}"


def test_no_kind_that_there_is_not_has_samples() -> None:
    assert {folder.name for folder in FOLDER.iterdir()} == {*CHANNELS}


@pytest.mark.parametrize("case", CASES)
def test_a_message_in_chinese_has_no_words_of_another_language_but_names(case: str) -> None:
    content = compose(CASES[case], context(sentences=LocalBuilder.chinese), DETAILS[0])
    lines = [*content.lines, content.footer]
    texts = [span for line in lines for span in line if isinstance(span, str)]
    words = re.findall(r"[A-Za-z]{2,}", NAMES.sub("", "\n".join([content.title, content.status, *texts])))
    assert words == []
