"""Whatever a ref is called, its tags are valid, and nothing in its name is expanded."""

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from support.rules import AT, SHA, push, rules, tag_config

from bridge.rules.match import Match, RuleSet
from bridge.rules.render import with_digest

VALID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
TEMPLATES = [
    "{branch}",
    "{1}",
    "x-{branch}.{1}",
    "{1}{short_sha}",
    "-{branch}-",
    "{date}{branch}",
    "{branch}{branch}",
]
NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=200)
ODD = st.lists(
    st.sampled_from(["{sha}", "{1}", "{branch}", "{{", "}", "/", "-", ".", "登", "a", "$x", "%s"]), min_size=1
)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> RuleSet:
    """A rule for every branch, with every template."""
    configs = [tag_config("**", template) for template in TEMPLATES]
    return rules(tmp_path_factory.mktemp("rules"), *configs)


def only(found: RuleSet, name: str) -> Match:
    (match,) = found.match("Gitee", push(name), AT).matches
    return match


@given(NAMES | ODD.map("".join))
@example("{branch}")
@example("{1}")
@example("." * 200)
def test_every_tag_is_valid_and_reports_what_it_was_made_of(found: RuleSet, name: str) -> None:
    match = only(found, name)
    assert all(VALID.fullmatch(tag) for tag in match.tags)
    assert set(match.originals) <= set(match.tags)
    assert all(VALID.fullmatch(with_digest(tag, match.ref.full)) for tag in match.tags)
    for tag, original in match.named.items():
        assert original in {name, f"x-{name}.{name}", f"-{name}-", name + name}
        assert tag == original or tag in match.originals


@given(ODD.map("".join))
def test_a_value_is_text_and_never_a_template(found: RuleSet, name: str) -> None:
    match = only(found, name)
    assert any(name in text for text in (*match.originals.values(), *match.tags))
    assert SHA not in "".join(match.tags)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.sampled_from(["web/", "api/", "a", "b.md", "x"]), max_size=5),
    st.sampled_from(["web/**", "!web/**"]),
)
def test_a_filter_never_builds_more_than_its_rule_without_one(
    tmp_path: Path, parts: list[str], glob: str
) -> None:
    filtered = rules(tmp_path, tag_config("**", "latest", paths=f"['{glob}']"))
    files = tuple(dict.fromkeys(f"{part}f" for part in parts))
    built = filtered.match("Gitee", push(changed=files), AT).matches
    in_web = [file for file in files if file.startswith("web/")]
    assert bool(built) == bool(in_web if glob == "web/**" else len(in_web) < len(files))
