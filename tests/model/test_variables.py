"""What a builder gets of a build: the rule's parameters and our own words, which win."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from bridge.model.build import BuildRequest

OWN = {
    "BRIDGE_BUILD_ID",
    "IMAGE",
    "TAGS",
    "VERSION_TAG",
    "REPO_URL",
    "REF",
    "BRANCH",
    "TAG",
    "COMMIT",
    "CONTEXT",
    "DOCKERFILE",
}
texts = st.text(max_size=20)


def request(**parameters: str) -> BuildRequest:
    return BuildRequest(
        build_id="0192f0c1",
        number=7,
        namespace="acme",
        repo_name="shop",
        image="registry.example.com/acme/shop",
        tags=("latest", "v1"),
        version_tag=None,
        repo_url="https://git.example.com/shop.git",
        ref="refs/heads/main",
        branch="main",
        tag=None,
        commit="0" * 40,
        parameters=parameters,
    )


@given(st.dictionaries(st.one_of(st.sampled_from(sorted(OWN)), texts), texts))
def test_no_parameter_of_a_rule_replaces_our_own(parameters: dict[str, str]) -> None:
    plain = request().variables()
    variables = request(**parameters).variables()
    assert set(plain) == OWN
    assert {name: variables[name] for name in OWN} == plain
    assert {name: variables[name] for name in parameters if name not in OWN} == {
        name: value for name, value in parameters.items() if name not in OWN
    }
    assert set(variables) == OWN | set(parameters)


def test_where_no_one_knows_the_commit_yet_the_ref_is_what_to_check_out() -> None:
    assert request().variables()["COMMIT"] == "0" * 40
    assert replace(request(), commit="", ref="refs/tags/v1").variables()["COMMIT"] == "refs/tags/v1"
