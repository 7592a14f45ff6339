"""Parameters of a build: placeholders are filled in once, and what comes out is never looked at again."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.rules import AT, HEAD, SHA, push, rules, tag_config

from bridge.rules.match import RuleSet


def parameters(found: RuleSet, name: str = "main", kind: str = "branch", **facts: object) -> dict[str, str]:
    (match,) = found.match("Gitee", push(name, kind, **facts), AT).matches
    return dict(match.parameters)


def with_parameter(folder: Path, text: str, *tag_configs: str) -> RuleSet:
    """A rule with one parameter, `A`."""
    quoted = text.replace("'", "''")
    head = HEAD.replace("  tag_configs:", f"  parameters: {{A: '{quoted}'}}\n  tag_configs:")
    return rules(folder, *tag_configs, head=head)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("--pull", "--pull"),
        ("{branch}", "release/1.2"),
        ("{sha} {short_sha}", f"{SHA} {SHA[:7]}"),
        ("{date}T{time}", "20250102T030405"),
        ("v{1}", "v1.2"),
        ('{{"ref": "{branch}"}}', '{"ref": "release/1.2"}'),
        ("{{branch}}", "{branch}"),
        ("{{{branch}}}", "{release/1.2}"),
        ("[{tag}{major}]", "[]"),
        ("", ""),
    ],
)
def test_a_placeholder_has_the_value_that_it_has_in_a_tag(tmp_path: Path, text: str, expected: str) -> None:
    found = with_parameter(tmp_path, text, tag_config("release/*"), tag_config("v*", kind="tag"))
    assert parameters(found, "release/1.2") == {"A": expected}


def test_a_tag_has_its_own_values(tmp_path: Path) -> None:
    found = with_parameter(tmp_path, "{tag} {major} {branch}", tag_config(), tag_config("v*", kind="tag"))
    assert parameters(found, "v1.2.3", "tag") == {"A": "v1.2.3 1 "}


def test_a_commit_that_no_one_knows_is_empty(tmp_path: Path) -> None:
    found = with_parameter(tmp_path, "{sha}", tag_config("v*", kind="tag"))
    assert parameters(found, "v1", "tag", peeled=False) == {"A": ""}


def test_a_build_of_several_configurations_has_the_groups_of_the_first(tmp_path: Path) -> None:
    found = with_parameter(tmp_path, "{1}", tag_config("release/*", "a"), tag_config("*/*", "b"))
    assert parameters(found, "release/1.2") == {"A": "1.2"}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(name=st.text(st.characters(codec="utf-8"), min_size=1, max_size=60))
def test_a_value_is_never_expanded_again(tmp_path: Path, name: str) -> None:
    found = with_parameter(tmp_path, "<{branch}>", tag_config("**"))
    for branch in (name, "{sha}", "{{sha}}", "{branch}", "$(id)", "%s %(x)s", "\\1"):
        assert parameters(found, branch) == {"A": f"<{branch}>"}
