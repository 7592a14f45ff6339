from pathlib import Path

import pytest

from bridge.channels import log_lines
from bridge.channels.text import neutral, neutral_line, plain, web_link
from bridge.channels.words import words_of

LOGS = Path(__file__).parents[1] / "data" / "logs"


def log_tail(log: str, limit: int) -> tuple[str, ...]:
    """As a notice in English has it."""
    return log_lines.log_tail(log, limit, words_of("en").gap)


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("export DB_PASSWORD=hunter2 next", "export DB_PASSWORD=*** next"),
        ('"api_key": "hunter2",', '"api_key": ***,'),
        ("docker login --password hunter2 host", "docker login --password *** host"),
        ("Authorization: Basic aHVudGVyMg==", "Authorization: ***"),
        ("curl https://ci:hunter2@git.example.com/x", "curl https://ci:***@git.example.com/x"),
        ("GET /robot/send?access_token=hunter2&x=1", "GET /robot/send?access_token=***&x=1"),
        ("sent Bearer hunter2hunter2", "sent Bearer ***"),
        ("key AKIAHUNTER2HUNTER22 used", "key *** used"),
        ("ghp_hunter2hunter2hunter2 pushed", "*** pushed"),
        ("eyJhunter2hunter2.eyJhunter2hunter2.sig ok", "*** ok"),
        ("Cookie: session=hunter2; path=/", "Cookie: ***"),
        ("X-Api-Key: hunter2 and more", "X-Api-Key: ***"),
        ("key LTAIhunter2hunter2 used", "key *** used"),
        ("key ASIAHUNTER2HUNTER22 used", "key *** used"),
        ("glpat-hunter2hunter2hunt pushed", "*** pushed"),
        ("github_pat_hunter2hunter2hunt pushed", "*** pushed"),
        ("xoxb-hunter2hunter2hunt pushed", "*** pushed"),
        ("sk-hunter2hunter2hunter2 asked", "*** asked"),
    ],
)
def test_a_secret_in_a_log_is_masked(line: str, shown: str) -> None:
    assert log_tail(line, 1200) == (shown,)


def test_a_private_key_is_masked_whole_or_cut() -> None:
    key = "-----BEGIN RSA PRIVATE KEY-----\nMIIhunter2\n-----END RSA PRIVATE KEY-----"
    assert log_tail(f"a\n{key}\nb", 1200) == ("a", "***", "b")
    assert log_tail(f"a\n{key[:45]}", 1200) == ("a", "***")
    assert log_tail(f"{key[34:]}\nb", 1200) == ("***", "b")


def test_a_log_is_shown_as_a_terminal_would() -> None:
    assert log_tail("\x1b[31mred\x1b[0m\r\n10%\r50%\rall done\r\n\x1b]0;title\x07end\n\n", 1200) == (
        "red",
        "all done",
        "end",
    )


@pytest.mark.parametrize("log", sorted(LOGS.glob("*.log")), ids=lambda file: file.stem)
def test_of_a_log_the_lines_that_tell_of_the_failure_are_shown(log: Path) -> None:
    assert log_tail(log.read_text(), 1200) == tuple(log.with_suffix(".tail").read_text().splitlines())


def test_the_first_error_of_the_end_is_shown_even_where_little_fits() -> None:
    after = [f"line {number}" for number in range(40)]
    log = "\n".join(["one", "error: an old one", *after, *after, "two", "fatal: no space", *after])
    assert log_tail(log, 1200)[:2] == ("two", "fatal: no space")
    assert log_tail(log, 1200)[7] == "… 23 lines left out"
    assert log_tail(log, 1200)[-1] == "line 39"
    assert len(log_tail(log, 1200)) == 20
    assert log_tail(log, 16) == ("fatal: no space",)


def test_what_is_missing_between_two_lines_is_counted_with_the_progress_among_it() -> None:
    after = [f"line {number}" for number in range(30)]
    log = "\n".join(["fatal: no space", *after[:15], "fetching a", *after[15:]])
    shown = log_tail(log, 80)
    head = "fatal: no space", "line 0", "line 1", "line 2", "line 3"
    assert shown == (*head, "… 26 lines left out", "line 29")
    assert len("\n".join(shown).encode()) < 80
    assert log_tail(log, 50) == ("fatal: no space", "… 30 lines left out", "line 29")
    assert log_tail(log, 42) == ("fatal: no space",), "there is no room for the end with what is missing"
    assert log_tail(f"error: a\n{'x' * 50}\nd", 40) == ("error: a", "… 1 line left out", "d")
    assert log_tail("error: a\nfetching b\nc\n", 99) == ("error: a", "c"), "progress alone is not missed"


def test_a_log_of_nothing_but_progress_is_shown_nevertheless() -> None:
    assert log_tail("fetching a\n+ make\n", 1200) == ("fetching a", "+ make")


def test_only_the_last_lines_of_a_log_are_shown() -> None:
    log = "\n".join(f"line {number}" for number in range(100))
    assert log_tail(log, 1200) == tuple(f"line {number}" for number in range(80, 100))
    assert log_tail(log, 16) == ("line 98", "line 99")
    assert log_tail(log, 15) == ("line 99",)


def test_text_of_strangers_becomes_one_short_line() -> None:
    assert plain("a\r\nb\x00c\u202ed\ud800e\ufffd", 20) == "a b cde?"
    assert plain("x" * 30, 10) == "x" * 9 + "…"


def test_markup_loses_its_power_and_stays_readable() -> None:
    assert neutral("see www.evil.example or WWW.x") == "see www．evil.example or WWW．x"  # noqa: RUF001  # what it is about
    assert neutral("<@all> [x](http://y) &lt; a && b") == "＜＠all＞ ［x］(http：／／y) ＆lt; a && b"  # noqa: RUF001  # what it is about


@pytest.mark.parametrize(
    ("line", "shown"),
    [("# head", "＃ head"), ("  - item", "  － item"), ("===", "＝=="), ("a # b", "a # b")],  # noqa: RUF001  # so
)
def test_the_beginning_of_a_line_has_no_power_either(line: str, shown: str) -> None:
    assert neutral_line(line) == shown


@pytest.mark.parametrize(
    "url",
    [
        None,
        "",
        "javascript:alert(1)",
        "https://",
        "https://u:p@h/",
        "https://h/\n",
        "https://h/" + "x" * 500,
        "https://h/" + "(" * 200,
    ],
)
def test_what_is_no_plain_web_address_is_no_link(url: str | None) -> None:
    assert web_link(url) is None


def test_a_link_is_short_also_when_it_was_made_safe() -> None:
    longest = "https://h/" + "x" * 490
    assert (web_link(longest), web_link(longest + "x")) == (longest, None)
    assert web_link("https://h/xx" + "(" * 163) is None, "one over"
    assert web_link("https://h/x" + "(" * 163) == "https://h/x" + "%28" * 163
    assert web_link("https://h/" + "(" * 160) == "https://h/" + "%28" * 160
    assert web_link("https://h/" + "(" * 170) is None


def test_a_link_cannot_be_left_from_inside() -> None:
    assert web_link("https://h/a)b](c<d>") == "https://h/a%29b%5D%28c%3Cd%3E"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("fix __init__.py", "fix ++init++.py"),
        ("_all_ of it", "+all+ of it"),
        ("a_b and snake_case_2", "a_b and snake_case_2"),
        ("修复_超时_问题", "修复+超时+问题"),
    ],
)
def test_an_underscore_is_no_emphasis(text: str, shown: str) -> None:
    """`+` stands for the full-width underscore."""
    assert neutral(text) == shown.replace("+", "\N{FULLWIDTH LOW LINE}")


@pytest.mark.parametrize(
    "line",
    [
        "88% tests passed, 1 tests failed out of 8: error: see above",
        "Fetching https://x.example/a.tgz: error: 404 Not Found",
        "Pulling image acme/x: manifest unknown",
        "Resolving dependencies... FAILED: no version of foo",
    ],
)
def test_a_line_about_progress_that_tells_of_a_failure_is_kept(line: str) -> None:
    assert line in log_tail(f"one\n{line}\ntwo\n", 1200)


def test_a_count_of_no_failures_is_no_failure() -> None:
    told = "test result: ok. 12 passed; 0 failed\n" + "".join(f"step {number}\n" for number in range(30))
    assert log_tail(told, 1200)[0] == "step 10"
