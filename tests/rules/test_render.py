import re
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.model.event import Ref
from bridge.rules.render import (
    BadTemplate,
    NoValue,
    image_problem,
    oci_tag,
    parse_template,
    parse_text,
    placeholder_values,
    time_of_version,
    version_tag,
    with_digest,
)

VALID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
SHA = "0123456789abcdef0123456789abcdef01234567"
AT = 1735787045.9
NAMES = st.text(alphabet=st.characters(codec="utf-8"), min_size=1, max_size=200)


def render(template: str, name: str, kind: str = "branch", **groups: str) -> str:
    parsed = parse_template(template)
    ref = Ref("tag" if kind == "tag" else "branch", name)
    return parsed.render(placeholder_values(parsed, ref, SHA, AT, groups))


@pytest.mark.parametrize(
    ("ref", "tag"),
    [
        ("refs/heads/feature/x", "feature-x"),
        ("refs/heads/feature/登录-x", "feature-x-ae116723"),
        ("refs/heads/登录", "ref-531bd1bf"),
        ("refs/tags/v1.0.0+linux", "v1.0.0-linux"),
        ("refs/heads/.hidden", "hidden"),
        ("refs/heads/-x", "x"),
        ("refs/heads/_x", "_x"),
        ("refs/heads/Feature/ＡＢＣ", "Feature-ABC"),  # noqa: RUF001  # full-width letters are the point
        ("refs/heads/hotfix--1.2", "hotfix-1.2"),
        ("refs/heads/v1.-", "v1"),
        ("refs/heads/" + "a" * 200, "a" * 119 + "-0c2f59ed"),
        ("refs/heads/" + "a" * 128, "a" * 128),
    ],
)
def test_a_ref_becomes_a_tag(ref: str, tag: str) -> None:
    assert oci_tag(ref) == tag


def test_refs_that_leave_nothing_or_lose_letters_are_still_distinguished() -> None:
    assert oci_tag("refs/heads/🚀") == with_digest("ref", "refs/heads/🚀")
    assert len({oci_tag(f"refs/heads/{name}") for name in ("🚀", "🎉", "登录", "登出", "a/登", "a/录")}) == 6
    assert len({oci_tag(f"refs/heads/v{digit}") for digit in "\u0661\u0662\u0663"}) == 3
    assert oci_tag("refs/heads/q\u0303") != oci_tag("refs/heads/q\u0304") != oci_tag("refs/heads/q")


def test_a_rendered_tag_is_distinguished_by_the_full_ref_it_came_from() -> None:
    assert oci_tag("登录", "refs/heads/登录") == "ref-531bd1bf"
    assert oci_tag("登录", "refs/tags/登录") != "ref-531bd1bf"


@given(NAMES)
def test_whatever_a_ref_is_called_its_tag_is_valid(name: str) -> None:
    assert VALID.fullmatch(oci_tag(f"refs/heads/{name}"))
    assert VALID.fullmatch(with_digest(oci_tag(name), name))


@given(
    name=NAMES, group=NAMES, template=st.sampled_from(["{branch}", "{1}-{branch}", "v{1}", "{1}{1}.{sha}"])
)
def test_whatever_the_values_are_the_rendered_tag_is_valid(name: str, group: str, template: str) -> None:
    assert VALID.fullmatch(oci_tag(render(template, name, **{"1": group}), f"refs/heads/{name}"))


@given(
    name=st.sampled_from(
        ["{sha}", "{1}", "{{branch}}", "{", "}", "{branch", "%(sha)s", "$sha", "{0.__class__}"]
    )
)
def test_a_value_is_never_expanded_again(name: str) -> None:
    assert render("x{branch}y{1}", name, **{"1": name}) == f"x{name}y{name}"


def test_every_placeholder_has_its_value() -> None:
    assert render("{sha}", "x") == SHA
    assert render("{short_sha}.{date}.{time}", "x") == "0123456.20250102.030405"
    assert render("{branch}", "feature/x") == "feature/x"
    assert render("{tag}", "v1", "tag") == "v1"
    assert render("{1}-{line}", "x", **{"1": "a", "line": "b"}) == "a-b"


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("v1.22.333", "1-22-333"),
        ("0.0.0", "0-0-0"),
        ("web/v1.2.3", "1-2-3"),
        ("1.2.3+build.5", "1-2-3"),
    ],
)
def test_a_semantic_version_is_taken_apart(name: str, parts: str) -> None:
    assert render("{major}-{minor}-{patch}", name, "tag") == parts


@pytest.mark.parametrize(
    "name", ["v1.2", "1.2.3.4", "v01.2.3", "version1.2.3", "1.2.x", "\u0661.\u0662.\u0663"]
)
def test_what_is_no_semantic_version_has_no_parts(name: str) -> None:
    with pytest.raises(NoValue, match="is not a semantic version"):
        render("{major}", name, "tag")
    assert render("{tag}", name, "tag") == name


def test_a_pre_release_does_not_move_the_tags_of_releases() -> None:
    with pytest.raises(NoValue, match=r"v2\.0\.0-rc\.1 is a pre-release"):
        render("{major}.{minor}", "v2.0.0-rc.1", "tag")


@pytest.mark.parametrize("text", ["latest", "_x", "a" * 128, "{branch}", "-{branch}", "{a}{b}", "v1.0-x_y"])
def test_a_tag_of_a_rule_may_be(text: str) -> None:
    names = parse_template(text).names
    assert parse_template(text).render({name: f"<{name}>" for name in names}).count("<") == len(names)


@pytest.mark.parametrize(
    "text", ["", "-x", ".x", "a" * 129, "a b", "a/b", "登", "{", "}", "{}", "{{branch}}", "{a-b}", "{a" * 600]
)
def test_a_tag_of_a_rule_may_not_be(text: str) -> None:
    with pytest.raises(BadTemplate):
        parse_template(text)


def test_a_text_has_room_for_so_much_and_no_more() -> None:
    assert parse_template("{branch}" * 128).names == {"branch"}
    with pytest.raises(BadTemplate, match="over 1024 characters"):
        parse_template("{branch}" * 128 + "x")
    assert parse_text("{branch}" * 32).names == {"branch"}
    with pytest.raises(BadTemplate, match="over 32 placeholders"):
        parse_text("{branch}" * 33)


@pytest.mark.parametrize("text", ["{sha}", "{tag}-{short_sha}"])
def test_a_commit_that_no_one_knows_yet_fills_no_placeholder(text: str) -> None:
    with pytest.raises(NoValue, match="does not say which commit v1 is"):
        placeholder_values(parse_template(text), Ref("tag", "v1"), None, AT, {})
    assert placeholder_values(parse_template("{tag}"), Ref("tag", "v1"), None, AT, {})["tag"] == "v1"
    assert version_tag(2, AT, "") is None


def test_the_version_tag_is_none_the_time_or_the_commit() -> None:
    assert version_tag(0, AT, SHA) is None
    assert version_tag(1, AT, SHA) == "v20250102.030405"
    assert version_tag(2, AT, SHA) == SHA
    with pytest.raises(ValueError, match="3"):
        version_tag(3, AT, SHA)


@pytest.fixture(params=["Asia/Shanghai", "America/New_York"])
def elsewhere(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The process in a time zone that is not UTC."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", request.param)
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("elsewhere")
def test_times_are_those_of_utc_wherever_the_machine_stands() -> None:
    version = version_tag(1, AT, SHA)
    assert version == "v20250102.030405"
    assert time_of_version(version) == int(AT)
    assert render("{date}.{time}", "x") == "20250102.030405"


@pytest.mark.parametrize(
    "image",
    [
        "acme/shop", "shop", "a-b/c_d/e__f/g.h/i--j", "registry.example.com/acme/shop", "127.0.0.1:5000/x",
        "localhost/x", "localhost:5000/x", "Registry.example.com:443/x", "[::1]:5000/x", "a" * 255,
        "registry.example.com/" + "a" * 255,
    ],
)  # fmt: skip
def test_an_image_may_be_called(image: str) -> None:
    assert image_problem(image) is None


@pytest.mark.parametrize(
    ("image", "why"),
    [
        ("acme/Shop", "must be lower-case: acme/shop"),
        ("acme/shop:latest", "must not contain a tag or a digest"),
        ("shop:latest", "must not contain a tag or a digest"),
        ("acme/shop@sha256:00", "must not contain a tag or a digest"),
        ("https://registry.example.com/shop", "leave https:// out"),
        ("a b.c/shop", "is not a registry"),
        ("", "is not an image name"), ("a//b", "is not an image name"), ("/a", "is not an image name"),
        ("a/", "is not an image name"),
        ("a___b", "is not an image name"), ("-a", "is not an image name"), ("a..b/c:d", "is not a registry"),
        ("商店/x", "is not an image name"),
        ("a" * 256, "is not an image name"), ("acme/shop\n", "is not an image name"),
    ],
)  # fmt: skip
def test_an_image_may_not_be_called(image: str, why: str) -> None:
    assert why in (image_problem(image) or "")
