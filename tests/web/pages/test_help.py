# ruff: noqa: RUF001  # Chinese sentences carry Chinese punctuation
"""The guides as pages: all of them, in both languages, with links that lead somewhere and no HTML."""

import re
from collections.abc import AsyncIterator

import httpx
import pytest
from support.api import api_of, client_of
from support.scripted import Store

from bridge.registry import ADAPTERS
from bridge.runtime.topics import topics
from bridge.web.pages.guides import rendered

NAMES = sorted({topic.name for topic in topics(ADAPTERS)})
HAN = re.compile("[\u4e00-\u9fff]")


@pytest.fixture
async def client(store: Store) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(api_of(store)) as opened:
        yield opened


def body(answer: httpx.Response) -> str:
    assert answer.status_code == 200
    return answer.text.partition("<main")[2].partition("</main>")[0]


@pytest.mark.parametrize("language", ["en", "zh-CN"])
async def test_every_guide_is_a_page_whose_links_lead_somewhere(
    client: httpx.AsyncClient, language: str
) -> None:
    headers = {"accept-language": language}
    listed = re.findall(r'<a href="/help/([^"]+)">', body(await client.get("/help", headers=headers)))
    assert sorted(set(listed)) == NAMES
    for name in NAMES:
        page = body(await client.get(f"/help/{name}", headers=headers))
        assert "<!--" not in page
        assert "<img" not in page
        assert "style=" not in page
        anchors = re.findall(r' id="([^"]+)"', page)
        assert len(anchors) == len(set(anchors)), name
        for target in re.findall(r'href="([^"]*)"', page):
            assert target in {f"/help/{one}" for one in NAMES} or target.startswith(
                ("https://", "http://", *(f"#{one}" for one in anchors))
            ), f"{name}: {target}"
        assert language == "en" or HAN.search(page), name


async def test_what_the_bridge_says_stands_in_a_guide_as_it_does_on_pages(client: httpx.AsyncClient) -> None:
    chinese = body(await client.get("/help/troubleshooting", headers={"accept-language": "zh-CN"}))
    assert ">… does not match …<br />\n… 不匹配 …</td>" in chinese
    assert ">is not active<br />\n未启用</td>" in chinese
    english = body(await client.get("/help/troubleshooting", headers={"accept-language": "en"}))
    assert ">… does not match …</td>" in english
    words = body(await client.get("/help/glossary", headers={"accept-language": "zh-CN"}))
    assert ">pending</td>" in words


async def test_the_guides_that_most_come_for_are_first_and_each_says_what_it_is_about(
    client: httpx.AsyncClient,
) -> None:
    for language, said in (("en", "bridge.yaml</code> holds no secrets"), ("zh-CN", "里不放密钥")):
        page = body(await client.get("/help", headers={"accept-language": language}))
        first = re.findall(r'<a href="/help/([^"]+)">', page)[:3]
        assert first == ["install", "rules", "troubleshooting"]
        assert said in page
        assert "`" not in page


async def test_a_guide_is_found_as_people_write_it(client: httpx.AsyncClient) -> None:
    answer = await client.get("/help/DING_TALK")
    assert (answer.status_code, answer.headers["location"]) == (303, "/help/dingtalk")
    missing = await client.get("/help/none", headers={"accept-language": "en"})
    assert missing.status_code == 404
    assert "There is no such guide" in missing.text
    for odd in ("..%2f..%2fetc%2fpasswd", "%00", "x" * 5000):
        assert (await client.get(f"/help/{odd}")).status_code == 404


def test_what_is_no_markdown_is_shown_as_text() -> None:
    html = rendered(
        "# A\n\n<script>alert(1)</script> [x](javascript:alert(1)) ![p](https://x/y.png)\n\n"
        '<a href="#" onclick="x">y</a>\n\n```html\n<b>\n```\n',
        frozenset(),
    ).html
    assert "<script" not in html
    assert "<img" not in html
    assert "onclick=&quot;" in html
    assert "javascript" not in "".join(re.findall(r'href="([^"]*)"', html))
    assert "&lt;b&gt;" in html


def test_lines_end_between_chinese_words_without_a_space() -> None:
    made = rendered("# 一\n\n后面的\n词，\nword\n另 **甲\n乙**\n丙 `a`\n丁\nb\nc\n", frozenset())
    assert made.title == '<h1 id="一">一</h1>\n'
    assert made.html == ("<p>后面的词，word\n另 <strong>甲乙</strong>丙 <code>a</code>\n丁\nb\nc</p>\n")


def test_cells_of_a_guide_know_their_columns() -> None:
    html = rendered("# A\n\n| one | `two` |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |\n", frozenset()).html
    assert re.findall(r'<td data-label="(.*?)">(\d)', html) == [
        ("one", "1"),
        ("two", "2"),
        ("one", "3"),
        ("two", "4"),
    ]


def test_guides_link_to_each_other_and_headings_have_anchors() -> None:
    made = rendered(
        "# One\n\n## Same\n\n## Same\n\n## 中文 标题\n\n"
        "[a](backup.md) [b](../en/backup.md#old) [c](gone.md) [d](https://example.com/backup.md) "
        "`buildbridge help backup` `buildbridge help gone` [`buildbridge help backup`](#same)",
        frozenset({"backup"}),
    )
    assert made.sections == [("same", "Same"), ("same-1", "Same"), ("中文-标题", "中文 标题")]
    links = re.findall(r"<a([^>]*)>", made.html)
    assert [one.strip() for one in links] == [
        'href="/help/backup"',
        'href="/help/backup#old"',
        "",
        'href="https://example.com/backup.md" rel="noreferrer"',
        'href="/help/backup"',
        'href="#same"',
    ]
