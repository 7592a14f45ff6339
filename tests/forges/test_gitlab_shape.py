"""Where GitLab and the hosts that send its push differ from each other."""

import json
from typing import Any

import pytest
from support.deliveries import HOSTS, SECRETS, signatures

from bridge.errors import BadSignature, NoSignature
from bridge.forges.request import Request
from bridge.model.event import Ignored, PushEvent

SHA, ZEROS = "c" * 40, "0" * 40
TOKEN = SECRETS[0].decode()
EVENT = {
    "gitlab": ("x-gitlab-event",),
    "tgit": ("x-event", "x-gitlab-event"),
    "gitcode": ("x-gitcode-event",),
    "codeup": ("x-codeup-event",),
    "codearts": ("x-devcloud-event",),
}
every_host = pytest.mark.parametrize("host", EVENT)


def headers(host: str, event: str = "Push Hook") -> dict[str, str]:
    return dict.fromkeys(EVENT[host], event)


def body(**changes: Any) -> bytes:
    document = {
        "object_kind": "push",
        "ref": "refs/heads/main",
        "before": "b" * 40,
        "after": SHA,
        "checkout_sha": SHA,
        "repository": {"git_http_url": "https://git.example/a/b.git"},
        **changes,
    }
    return json.dumps(document).encode()


def read(host: str, content: bytes, event: str = "Push Hook") -> PushEvent | Ignored:
    (found,) = HOSTS[host].parse(Request(headers(host, event), content))
    return found


def key(host: str, content: bytes, more: dict[str, str]) -> str:
    """What makes a repetition of the delivery harmless."""
    delivery = HOSTS[host].receive(
        id="1", source="here", request=Request(headers(host) | more, content), secrets=SECRETS, now=0
    )
    return delivery.key


def verify(host: str, more: dict[str, str], content: bytes = b"{}") -> None:
    HOSTS[host].verify(Request(headers(host) | more, content), SECRETS, 0)


@pytest.mark.parametrize("name", ["x-repo-token", "x-devcloud-token", "x-codehub-token", "x-auth-token"])
def test_codearts_takes_the_token_under_each_name_it_ever_had(name: str) -> None:
    verify("codearts", {name: TOKEN})
    with pytest.raises(BadSignature):
        verify("codearts", {name: TOKEN, "x-gitlab-token": "another"})
    with pytest.raises(NoSignature):
        verify("codearts", {name: TOKEN, "x-gitlab-token": ""})


def test_tgit_s_token_and_its_copy_have_to_be_right_both() -> None:
    verify("tgit", {"x-token": TOKEN})
    verify("tgit", {"x-gitlab-token": TOKEN})
    for token, copy in ((TOKEN, "another"), ("another", TOKEN), ("", TOKEN), (TOKEN, "")):
        with pytest.raises(BadSignature):
            verify("tgit", {"x-token": token, "x-gitlab-token": copy})


@pytest.mark.parametrize("signature", ["", "sha256=", "sha256=" + "0" * 64, "0" * 64, TOKEN])
def test_gitcode_s_signature_is_final_where_there_is_one(signature: str) -> None:
    right = signatures({}, b"{}")["sha256="]
    verify("gitcode", {"x-gitcode-signature-256": right, "x-gitcode-token": "another"})
    with pytest.raises(BadSignature):
        verify("gitcode", {"x-gitcode-signature-256": signature, "x-gitcode-token": TOKEN})


def test_gitcode_signs_the_bytes_of_a_form_as_they_are() -> None:
    form, kind = b"payload=%7B%7D", {"content-type": "application/x-www-form-urlencoded"}
    verify("gitcode", kind | {"x-gitcode-signature-256": signatures({}, form)["sha256="]}, form)
    with pytest.raises(BadSignature):
        verify("gitcode", kind | {"x-gitcode-signature-256": signatures({}, b"{}")["sha256="]}, form)


def test_a_signed_delivery_of_gitlab_needs_a_signing_token_even_beside_the_right_secret_token() -> None:
    signed = headers("gitlab") | {"webhook-id": "1", "webhook-timestamp": "0", "x-gitlab-token": TOKEN}
    signed["webhook-signature"] = signatures(signed, b"{}")["standard"]
    HOSTS["gitlab"].verify(Request(signed, b"{}"), SECRETS, 0)
    with pytest.raises(BadSignature, match="no usable whsec_ signing token"):
        HOSTS["gitlab"].verify(Request(signed, b"{}"), [SECRETS[0], b"whsec_???"], 0)


@pytest.mark.parametrize("signature", ["", "v1,", "v1,AAAA", "v2,AAAA"])
def test_gitlab_s_signature_is_final_where_there_is_one(signature: str) -> None:
    signed = {"webhook-id": "1", "webhook-timestamp": "0", "webhook-signature": signature}
    with pytest.raises(BadSignature):
        verify("gitlab", signed | {"x-gitlab-token": TOKEN})


def test_a_delivery_of_gitlab_that_is_sent_again_is_the_same_and_hooks_of_one_event_are_not() -> None:
    first, again, other = (
        key(
            "gitlab",
            body(),
            {"x-gitlab-token": TOKEN, "idempotency-key": identity, "x-gitlab-event-uuid": "9"},
        )
        for identity in ("1", "1", "2")
    )
    assert first == again != other


def test_equal_pushes_to_tgit_are_two_and_the_same_one_sent_again_is_one() -> None:
    first, again, later, old, older = (
        key("tgit", body(), {"x-token": TOKEN} | more)
        for more in (
            {"x-trace-id": "1", "x-send-timestamp": "1000"},
            {"x-trace-id": "1", "x-send-timestamp": "2000"},
            {"x-trace-id": "2", "x-send-timestamp": "3000"},
            {"x-send-timestamp": "1000"},
            {"x-send-timestamp": "2000"},
        )
    )
    assert first == again
    assert len({first, later, old, older}) == 4


@pytest.mark.parametrize(("host", "token"), [("codeup", "x-codeup-token"), ("codearts", "x-repo-token")])
def test_a_host_without_ids_and_times_repeats_itself_with_the_same_body(host: str, token: str) -> None:
    first, again, other = (key(host, body(after=sha), {token: TOKEN}) for sha in (SHA, SHA, "d" * 40))
    assert first == again != other


@pytest.mark.parametrize("kind", ["push", "tag_push"])
def test_a_system_hook_says_its_kind_under_either_name(kind: str) -> None:
    ref = "refs/heads/main" if kind == "push" else "refs/tags/v1"
    for name in ("event_name", "object_kind"):
        content = body(object_kind=None, ref=ref) if name == "event_name" else body(ref=ref)
        content = json.dumps(json.loads(content) | {name: kind}).encode()
        assert isinstance(read("gitlab", content, "System Hook"), PushEvent)


@pytest.mark.parametrize("name", ["repository_update", "project_create", ""])
def test_other_system_hooks_are_ignored_by_name(name: str) -> None:
    event = read("gitlab", json.dumps({"event_name": name}).encode(), "System Hook")
    assert isinstance(event, Ignored)
    assert (event.event, event.reason) == ("other", f"{name or 'System Hook'} is not a push")


@every_host
def test_an_annotated_tag_builds_its_commit_where_the_host_names_it(host: str) -> None:
    event = read(host, body(ref="refs/tags/v1", before=ZEROS, after="d" * 40), "Tag Push Hook")
    assert isinstance(event, PushEvent)
    assert (event.sha, event.tag_object_sha, event.peeled) == (SHA, "d" * 40, True)
    event = read(host, body(ref="refs/tags/v1", after="d" * 40, checkout_sha=None), "Tag Push Hook")
    assert isinstance(event, PushEvent)
    assert (event.sha, event.tag_object_sha, event.peeled) == ("d" * 40, None, False)


@every_host
@pytest.mark.parametrize("checkout", [None, ZEROS])
def test_a_removal_is_known_by_its_zeros(host: str, checkout: str | None) -> None:
    event = read(host, body(after=ZEROS, checkout_sha=checkout))
    assert (event.event, event.sha) == ("delete", None)


@every_host
def test_the_head_is_found_wherever_it_stands_in_the_list(host: str) -> None:
    entries = [{"id": sha, "author": {"name": sha[0]}} for sha in ("a" * 40, SHA, "d" * 40)]
    assert read(host, body(commits=entries)).author == "c"
    assert read(host, body(commits=entries[:1], user_name="pusher")).author == "pusher"
    assert read(host, body(commits=entries, checkout_sha=None)).author == "c"


@every_host
def test_a_list_without_a_total_is_whole_only_where_its_limit_is_known(host: str) -> None:
    event = read(host, body(commits=[{"id": SHA, "added": ["a"]}]))
    assert isinstance(event, PushEvent)
    assert (event.changed, event.truncated) == (("a",), host != "gitlab")


def test_only_tgit_reports_a_forced_push_and_then_the_list_is_not_all() -> None:
    content = body(
        operation_kind="update_nonfastforward", commits=[{"id": SHA, "added": ["a"]}], total_commits_count=1
    )
    found = {host: read(host, content) for host in EVENT}
    assert {host for host, event in found.items() if isinstance(event, PushEvent) and event.forced} == {
        "tgit"
    }
    assert {host for host, event in found.items() if isinstance(event, PushEvent) and event.truncated} == {
        "tgit"
    }


@every_host
@pytest.mark.parametrize("push_options", [[], {}, {"ci": {"skip": True}}, None, "x"])
def test_push_options_of_any_shape_do_no_harm(host: str, push_options: object) -> None:
    assert isinstance(read(host, body(push_options=push_options)), PushEvent)
