"""Path filters, beside Git's own opinion of the same globs."""

import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from support.examples import examples
from support.git import git

from bridge.rules.paths import (
    MAX_FILES,
    MAX_GLOBS,
    MAX_NAMES_LENGTH,
    MAX_RUNS,
    compile_paths,
    joined,
    path_problem,
    unknown_files,
)
from bridge.rules.pattern import BadPattern

NAMES = ["a", "b", "ab", "a.md", "b.c"]
FILES = [
    *NAMES,
    *(f"{folder}/{name}" for folder in ("d", "a1", "d/e", "d/e/f") for name in NAMES),
]
EMPTY = "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"
PIECES = ["a", "b", "*", "?", "*.md", "a*", "[ab]", "[!a]", "[a-c].c", "d", "e", "f", "a1"]
SEGMENTS = st.lists(st.sampled_from([*PIECES, "**"]), min_size=1, max_size=4)


def counts(globs: tuple[str, ...], *names: str) -> bool:
    return compile_paths(globs).counts(joined(names))


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Git repository whose index holds FILES."""
    folder = tmp_path_factory.mktemp("listed")
    git(folder, "init", "--quiet")
    for name in FILES:
        git(folder, "update-index", "--add", "--cacheinfo", f"100644,{EMPTY},{name}")
    return folder


@settings(
    max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(SEGMENTS)
@example(["**"])
@example(["**", "a"])
@example(["d", "**"])
@example(["d", "**", "a"])
@example(["d", "**", "**", "a.md"])
def test_a_glob_means_what_it_means_to_git(listed: Path, segments: list[str]) -> None:
    glob = "/".join(segments)
    if "*" not in glob and "?" not in glob and "[" not in glob:
        glob += "*"  # to Git a plain path is also all that is below it
    found = git(listed, "ls-files", f":(glob){glob}").split()
    assert [name for name in sorted(FILES) if counts((glob,), name)] == sorted(found)


@given(
    st.lists(
        st.tuples(st.booleans(), st.sampled_from(["a", "*", "**", "d/**", "**/*.md"])),
        min_size=1,
        max_size=MAX_RUNS,
    )
)
def test_the_last_glob_that_matches_decides(globs: list[tuple[bool, str]]) -> None:
    whole = tuple(("" if positive else "!") + glob for positive, glob in globs)
    decisions = []
    for name in FILES:
        decided = [positive for positive, glob in globs if counts((glob,), name)]
        otherwise = not any(positive for positive, _ in globs)
        decisions.append(decided[-1] if decided else otherwise)
        assert counts(whole, name) == decisions[-1]
    assert counts(whole, *FILES) == any(decisions)


@pytest.mark.parametrize("name", ["a\nb", "a\ud800", "登录", "a" * 5000, "", "a\0b", "a\1"])
def test_any_file_can_be_asked_about(name: str) -> None:
    assert counts(("**",), name)
    assert not counts(("x*", "a", "b"), name)


@pytest.mark.parametrize("glob", ["a/b", "a?b", "[!/]b", "a[!x]b", "a*b", "ab", "a**b"])
def test_no_glob_matches_across_two_names(glob: str) -> None:
    assert not counts((glob,), "a", "b")
    assert not counts((glob,), "b", "a", "", "b")


def test_a_filter_that_goes_to_and_fro_for_ever_is_rejected() -> None:
    with pytest.raises(BadPattern, match="20 times"):
        compile_paths(("a", "!b") * (MAX_RUNS // 2) + ("c",))
    assert counts(("a", "!b") * (MAX_RUNS // 2), "a")


@pytest.mark.parametrize(
    ("glob", "why"),
    [
        ("", "1 to 256 characters"), ("!", "1 to 256 characters"), ("a" * 257, "1 to 256 characters"),
        ("/web/**", "write web/**"), ("./web", "write web"), ("./.github/x", "write .github/x"),
        ("web/", "write web/**"), ("a//b", "no file"), ("a/../b", "no file"), ("a\0", "no file"),
        ("[a", "has a [ without its ]"), ("![z-a]", "invalid character class range"),
    ],
)  # fmt: skip
def test_what_cannot_be_a_path_is_reported_with_a_cure(glob: str, why: str) -> None:
    assert why in (path_problem(glob) or "")


def test_only_a_whole_list_of_a_bounded_length_is_looked_at() -> None:
    assert unknown_files(["a"] * MAX_FILES, truncated=False) is None
    assert unknown_files(["a"] * (MAX_FILES + 1), truncated=False) == "over 3000 files changed"
    assert unknown_files(["a" * (MAX_NAMES_LENGTH - 1), "b"], truncated=False) is None
    assert "too long" in (unknown_files(["a" * MAX_NAMES_LENGTH, "b"], truncated=False) or "")
    assert unknown_files(None, truncated=False) == "the host does not say which files changed"
    assert unknown_files((), truncated=True) == "the list of changed files may not be all"


@pytest.mark.parametrize("glob", ["{}/**/*a*b*c*/**", "**/*a*b*/**/app{}*x*/**/*.md", "app{}/**"])
@pytest.mark.parametrize("signs", ["+", "+++++-----"])
def test_the_largest_filter_and_the_longest_list_take_little_time(glob: str, signs: str) -> None:
    globs = tuple(
        ("!" if signs[number % len(signs)] == "-" else "") + glob.format(number)
        for number in range(MAX_GLOBS)
    )
    found, files = compile_paths(globs), joined(tuple(f"{'ab/' * 28}{number}" for number in range(MAX_FILES)))
    begun = time.perf_counter()
    assert not found.counts(files)
    assert time.perf_counter() - begun < 0.5
