import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.rules.pattern import MAX_NAME_BYTES, BadPattern, compile_pattern


@pytest.mark.parametrize(
    ("pattern", "name", "groups"),
    [
        ("master", "master", {}),
        ("master", "Master", None),
        ("master", "master2", None),
        ("a.c", "abc", None),
        ("release/*", "release/1.2", {"1": "1.2"}),
        ("release/*", "release/", {"1": ""}),
        ("release/*", "release/1/2", None),
        ("release/**", "release/1/2", {"1": "1/2"}),
        ("**", "any/thing", {"1": "any/thing"}),
        ("*/v*", "web/v1", {"1": "web", "2": "1"}),
        ("v?", "v1", {}),
        ("v?", "v/", None),
        ("v?", "v登", {}),
        ("v[12]", "v2", {}),
        ("v[12]", "v3", None),
        ("v[!12]", "v3", {}),
        ("v[^12]", "v1", None),
        ("v[!1]", "v/", None),
        ("v[0-9]", "v7", {}),
        ("v[]]", "v]", {}),
        ("1.0+*", "1.0+x", {"1": "x"}),
        ("1.0+*", "1.00x", None),
        ("登录*", "登录页", {"1": "页"}),
        (r"/v(\d+)\.(\d+)/", "v1.22", {"1": "1", "2": "22"}),
        (r"/v\d/", "xv1", None),
        (r"/^v\d$/", "v1", {}),
        (r"/(?P<line>\w+)-(x)?.*/", "web-y", {"1": "web", "2": "", "line": "web"}),
        (r"/(?P<line>x)?web/", "web", {"1": "", "line": ""}),
        ("/a|b/", "b", {}),
        ("/(?i)master/", "MASTER", {}),
    ],
)
def test_a_pattern_matches_the_whole_name_and_gives_its_groups(
    pattern: str, name: str, groups: dict[str, str] | None
) -> None:
    found = compile_pattern(pattern).match(name)
    assert (None if found is None else dict(found)) == groups


@pytest.mark.parametrize(
    "pattern", ["/(a+)+b/", "/(a|aa)*c/", "/(.*)(.*)(.*)(.*)x/", "*a*a*a*a*a*a*a*a*a*a*a*x"]
)
def test_a_pattern_made_to_backtrack_takes_no_time(pattern: str) -> None:
    compiled = compile_pattern(pattern)
    begun = time.perf_counter()
    assert compiled.match("a" * MAX_NAME_BYTES) is None
    assert time.perf_counter() - begun < 1


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("x" * 1025, "is over 1024 characters"),
        ("*" * 65 + "x", "has 33 groups, 32 are allowed"),
        ("/((a{100}){100}){100}/", "invalid repetition size"),
        ("/\\C{1000}(\\pL{900}\\pN{900}){1}/", "too large"),
        ("v[!]", "has an empty set"),
        ("[z-a]", "invalid character class range"),
        ("refs/tags/v1", "write the short name, v1"),
        ("//", "Git allows no "),
        ("/", "Git allows no "),
        ("a..b", "Git allows no "),
        ("x.lock", "Git allows no "),
    ],
)
def test_a_pattern_that_cannot_work_is_rejected(pattern: str, why: str) -> None:
    with pytest.raises(BadPattern, match=why):
        compile_pattern(pattern)


def test_a_pattern_may_be_as_long_and_have_as_many_groups_as_is_said() -> None:
    assert compile_pattern("x" * 1024).match("x" * 1024) == {}
    assert len(compile_pattern("**" * 32).groups) == 32


@given(
    pattern=st.text(min_size=1, max_size=40), name=st.text(alphabet=st.characters(codec="utf-8"), max_size=40)
)
def test_any_text_is_a_pattern_or_is_rejected(pattern: str, name: str) -> None:
    try:
        compiled = compile_pattern(pattern)
    except BadPattern:
        return
    found = compiled.match(name)
    assert found is None or set(found) == compiled.groups


@given(st.text(alphabet="ab/1.-", min_size=1, max_size=20))
def test_two_stars_match_everything_and_one_star_everything_without_a_slash(name: str) -> None:
    assert compile_pattern("**").match(name) == {"1": name}
    assert (compile_pattern("*").match(name) is None) == ("/" in name)
