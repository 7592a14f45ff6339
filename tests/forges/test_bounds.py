"""Every text and list of a payload has a bound, and what a stranger writes is never more than a text."""

import json
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from bridge.errors import BadDelivery, BadPayload
from bridge.forges.base import Forge
from bridge.forges.request import Request
from bridge.model.event import Ignored, Person, PushEvent, Ref
from bridge.registry import FORGES

SHA = "c" * 40
HEADERS = {
    "x-github-event": "push",
    "x-gitlab-event": "Push Hook",
    "x-gitee-event": "Push Hook",
    "x-gitea-event": "push",
}
SECRET = 'pä"ss\\word/=&'


def payload(**changes: Any) -> dict[str, Any]:
    return {
        "ref": "refs/heads/main",
        "before": "b" * 40,
        "after": SHA,
        "repository": {"full_name": "a/b", "clone_url": "https://git.example/a/b.git"},
        **changes,
    }


def parse(document: dict[str, Any]) -> PushEvent | Ignored:
    (event,) = FORGES["GitHub"].parse(Request(HEADERS, json.dumps(document).encode()))
    return event


def pushed(**changes: Any) -> PushEvent:
    event = parse(payload(**changes))
    assert isinstance(event, PushEvent)
    return event


@pytest.mark.parametrize(
    ("full", "kind", "name"),
    [
        ("refs/heads/refs/heads/x", "branch", "refs/heads/x"),
        ("refs/tags/refs/heads/x", "tag", "refs/heads/x"),
        ("refs/heads/v2.4.0", "branch", "v2.4.0"),
        ("refs/heads/-$(x)`y`;&|<>'\"", "branch", "-$(x)`y`;&|<>'\""),
        ("refs/heads/" + "x" * 1013, "branch", "x" * 1013),
    ],
    ids=["twice", "tag", "like-a-tag", "shell", "longest"],
)
def test_exactly_one_prefix_is_taken_off(full: str, kind: str, name: str) -> None:
    ref = pushed(ref=full).ref
    assert (ref.kind, ref.name) == (kind, name)


@pytest.mark.parametrize(
    "ref", ["refs/notes/commits", "refs/pull/1/head", "refs/for/main", "main", "refs/heads"]
)
def test_a_ref_that_is_neither_branch_nor_tag_is_ignored(ref: str) -> None:
    event = parse(payload(ref=ref))
    assert (event.event, event.ref) == ("other", None)
    assert isinstance(event, Ignored)
    assert ref in event.reason


_BAD_NAMES = """
 a..b|../a|.a|a/.b|a.lock|a.lock/b|a//b|a/|a.|a~1|a^|a:b|a?|a*|a[|a\\b|a@{1}|a b|
"""


@pytest.mark.parametrize("name", [*_BAD_NAMES.strip().split("|"), "a\nb", "a\0b", "a\x7f", "é" * 508])
def test_a_name_that_git_does_not_allow_is_rejected(name: str) -> None:
    with pytest.raises(BadPayload, match="ref name"):
        parse(payload(ref=f"refs/tags/{name}"))


@pytest.mark.parametrize(
    "after", [None, 1, "", "c" * 39, "c" * 41, "c" * 63, "g" * 40, "HEAD", f"{SHA}\n", "--upload"]
)
def test_a_sha_is_40_or_64_hexadecimal_digits(after: object) -> None:
    with pytest.raises(BadPayload, match="after is not a full commit id"):
        parse(payload(after=after))
    assert pushed(after="C" * 64).sha == "c" * 64


@pytest.mark.parametrize("length", [40, 64])
def test_zeros_of_either_length_are_a_removal(length: int) -> None:
    event = parse(payload(after="0" * length))
    assert (event.event, event.sha) == ("delete", None)


def test_a_tagged_commit_of_zeros_is_rejected() -> None:
    with pytest.raises(BadPayload, match="tagged commit has an id of zeros"):
        parse(payload(ref="refs/tags/v1", head_commit={"id": "0" * 40}))


@pytest.mark.parametrize("before", ["x", "b" * 39, "HEAD"])
def test_what_the_ref_was_before_is_a_sha_too(before: str) -> None:
    with pytest.raises(BadPayload, match="before is not a full commit id"):
        parse(payload(before=before))


@pytest.mark.parametrize(
    "name", ["a" * 1025, "a/b\n", "a\u202eb"], ids=["long", "two lines", "right to left"]
)
def test_a_repository_without_a_usable_name_is_none(name: str) -> None:
    with pytest.raises(BadPayload, match="does not name its repository"):
        parse(payload(repository={"full_name": name}))
    assert pushed(repository={"full_name": "a" * 1024}).repo.full_name == "a" * 1024


@pytest.mark.parametrize(
    ("ref", "name"), [("v1", "v1"), ("refs/tags/v1", "v1"), ("refs/heads/v1", "refs/heads/v1")]
)
def test_the_ref_of_a_create_is_read_with_and_without_its_prefix(ref: str, name: str) -> None:
    created = json.dumps(payload(ref=ref, ref_type="tag")).encode()
    (event,) = FORGES["GitHub"].parse(Request({"x-github-event": "create"}, created))
    assert event.ref == Ref("tag", name)


def test_the_ref_of_a_create_is_one_that_git_allows() -> None:
    with pytest.raises(BadPayload, match="ref name"):
        FORGES["GitHub"].parse(
            Request({"x-github-event": "create"}, json.dumps(payload(ref="a..b", ref_type="tag")).encode())
        )


def test_an_event_or_an_id_is_one_short_word() -> None:
    github, word = FORGES["GitHub"], "x" * 128
    assert github.event(Request({"x-github-event": word}, b"")) == word
    for odd in ("", word + "x", "push\n", "\xe9"):
        with pytest.raises(BadDelivery, match="missing or unreadable"):
            github.event(Request({"x-github-event": odd}, b""))
    assert github.delivery_id(Request({"x-github-delivery": "1" * 255}, b"")) == "1" * 255
    assert [
        github.delivery_id(Request({"x-github-delivery": odd}, b"")) for odd in ("", "1" * 256, "\xe9")
    ] == [None] * 3


def test_a_payload_without_repository_or_ref_says_so() -> None:
    with pytest.raises(BadPayload, match="does not name its repository"):
        parse(payload(repository=None))
    with pytest.raises(BadPayload, match="no ref"):
        parse(payload(ref=None))


def several(forge: Forge, refs: int) -> list[PushEvent | Ignored]:
    """A push that moves so many refs, in the words of a host that tells of them at once."""
    cloud = {"old": None, "new": {"type": "tag", "name": "x", "target": {"hash": SHA}}}
    server = {"ref": {"id": "refs/tags/x"}, "fromHash": "0" * 40, "toHash": SHA}
    azure = {"name": "refs/tags/x", "oldObjectId": "0" * 40, "newObjectId": SHA}
    repo = {"full_name": "a/b", "slug": "b", "name": "b", "project": {"key": "a", "name": "a"}}
    document = {
        "push": {"changes": [cloud] * refs},
        "changes": [server] * refs,
        "eventType": "git.push",
        "resource": {"refUpdates": [azure] * refs, "repository": repo},
        "repository": repo,
    }
    event = "repo:push" if forge.host == "bitbucket-cloud" else "repo:refs_changed"
    return forge.parse(Request({"x-event-key": event}, json.dumps(document).encode()))


@pytest.mark.parametrize(
    "forge",
    [FORGES["Bitbucket"], FORGES["BitbucketServer"], FORGES["AzureDevOps"]],
    ids=lambda forge: forge.kind,
)
def test_one_push_may_move_100_refs(forge: Forge) -> None:
    events = several(forge, 100)
    assert [(event.event, event.sha) for event in events] == [("tag", SHA)] * 100
    with pytest.raises(BadPayload, match="moved 101 refs, and 100 are read at most"):
        several(forge, 101)
    (none,) = several(forge, 0)
    assert isinstance(none, Ignored)


def test_a_message_is_kept_to_4_kib_of_whole_characters() -> None:
    commit = pushed(head_commit={"id": SHA, "message": "é" * 5000}).commit
    assert commit is not None
    assert commit.message == "é" * 2048


def test_a_message_holds_no_nul_and_an_address_is_one() -> None:
    author = {"name": "Ann", "email": "nobody"}
    commit = pushed(head_commit={"id": SHA.upper(), "message": "a\0b", "author": author}).commit
    assert commit is not None
    assert (commit.sha, commit.message, commit.author) == (SHA, "a\ufffdb", Person("Ann", None))


def test_a_commit_that_is_not_the_pushed_one_does_not_describe_the_push() -> None:
    event = pushed(head_commit={"id": "d" * 40, "message": "[skip ci]", "author": {"name": "Ann"}})
    assert (event.sha, event.commit, event.author) == (SHA, None, None)


def test_names_are_one_line_of_at_most_256_characters() -> None:
    commit = pushed(head_commit={"id": SHA, "author": {"name": "A\r\nBcc: b\u202e" + "x" * 999}}).commit
    assert commit is not None
    assert commit.author.name is not None
    assert commit.author.name.startswith("A  Bcc: b x")
    assert len(commit.author.name) <= 256


@pytest.mark.parametrize(
    "url", ["-oProxyCommand=x", "ext::sh -c x", "fd::17", "https://git.example/\nx", "h" * 2049, "", 5, None]
)
def test_an_address_that_git_could_take_for_something_else_is_left_out(url: object) -> None:
    assert pushed(repository={"full_name": "a/b", "clone_url": url}).repo.clone_url is None


def test_changed_files_are_kept_to_10_000() -> None:
    event = pushed(commits=[{"added": [f"{number}/{name}" for name in range(6000)]} for number in range(2)])
    assert (len(event.changed or ()), event.truncated) == (10_000, True)
    event = pushed(commits=[{"added": [f"{number}/{name}" for name in range(5000)]} for number in range(2)])
    assert (len(event.changed or ()), event.truncated) == (10_000, False)


def test_an_address_of_2_kib_is_kept() -> None:
    url = "https://git.example/".ljust(2048, "x")
    assert pushed(repository={"full_name": "a/b", "clone_url": url}).repo.clone_url == url


def test_a_commit_without_lists_makes_the_files_incomplete() -> None:
    event = pushed(commits=[{"added": ["a"]}, {"added": None}])
    assert (event.changed, event.truncated) == (("a",), True)
    assert pushed(commits=[{}]).changed is None
    assert pushed(commits=[{"added": [1]}]).changed is None


def test_as_many_commits_as_the_host_lists_at_most_may_be_a_cut_list() -> None:
    assert pushed(commits=[{"added": ["a"]}] * 2048).truncated
    assert not pushed(commits=[{"added": ["a"]}] * 2047).truncated
    project = {"path_with_namespace": "a/b"}
    for count, truncated in ((20, True), (19, False)):
        body = json.dumps(payload(project=project, commits=[{"added": ["a"]}] * count)).encode()
        (event,) = FORGES["GitLab"].parse(Request(HEADERS, body))
        assert isinstance(event, PushEvent)
        assert event.truncated is truncated


def test_a_new_ref_never_claims_to_know_all_its_changes() -> None:
    assert pushed(before="0" * 40, commits=[{"added": ["a"]}]).truncated


@pytest.mark.parametrize(
    "body", [b"", b"payload", b"payload=%7B", b"x=1&" * 65 + b"payload={}", b"payload=%ff"]
)
def test_a_form_without_a_readable_payload_is_rejected(body: bytes) -> None:
    with pytest.raises(BadPayload):
        FORGES["GitHub"].parse(
            Request(HEADERS | {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}, body)
        )


def test_a_long_form_is_decoded_whole() -> None:
    message = "é%+&=" * 40_000
    text = json.dumps(payload(head_commit={"id": SHA, "message": message}, tail="end"), ensure_ascii=False)
    headers = HEADERS | {"content-type": "application/x-www-form-urlencoded"}
    for quoted in (quote(text, safe=""), quote_plus(text), "".join(f"%{byte:02x}" for byte in text.encode())):
        (event,) = FORGES["GitHub"].parse(Request(headers, b"a=b&payload=" + quoted.encode()))
        assert isinstance(event, PushEvent)
        assert event.commit is not None
        assert message.startswith(event.commit.message)


def test_a_byte_order_mark_does_no_harm() -> None:
    (event,) = FORGES["GitHub"].parse(Request(HEADERS, b"\xef\xbb\xbf" + json.dumps(payload()).encode()))
    assert event.sha == SHA


@pytest.mark.parametrize(
    "body",
    [
        json.dumps(payload(password=SECRET, sign="abc=")),
        json.dumps(payload(password=SECRET, sign="abc="), ensure_ascii=False),
        json.dumps(payload(sign="abc=")).replace(
            '"sign"', '"p\\u0061ssword":"p\\u00e4\\"ss\\\\word\\/=&","sign"'
        ),
        json.dumps({"password": SECRET, "push_data": payload(password=SECRET, sign="abc=")}),
        "payload=" + quote_plus(json.dumps(payload(password=SECRET, sign="abc="))),
    ],
    ids=["escaped", "raw", "key-escaped", "nested", "form"],
)
def test_gitee_s_password_and_sign_are_never_stored(body: str) -> None:
    form = {"content-type": "application/x-www-form-urlencoded"} if body.startswith("payload") else {}
    stored = FORGES["Gitee"].without_secrets(Request({}, body.encode()), [SECRET.encode()])
    (event,) = FORGES["Gitee"].parse(Request(HEADERS | form, stored))
    assert event == FORGES["Gitee"].parse(Request(HEADERS | form, body.encode()))[0]
    for spelling in (SECRET, json.dumps(SECRET)[1:-1], quote_plus(SECRET), "ss\\\\word", "abc="):
        assert spelling.encode() not in stored


@pytest.mark.parametrize(
    "body",
    [
        json.dumps({"password": SECRET})[:-1],
        f'{{"password":"{SECRET}"',
        json.dumps([SECRET], ensure_ascii=False),
        "payload=" + quote_plus(f'{{"password":"{SECRET}"'),
        '{"a":' * 2000 + f'"{SECRET}"',
    ],
    ids=["cut-escaped", "cut-raw", "list", "cut-form", "deep"],
)
def test_a_body_that_cannot_be_read_is_stored_without_the_secret(body: str) -> None:
    stored = FORGES["Gitee"].without_secrets(Request({}, body.encode()), [b"other", SECRET.encode()]).decode()
    assert "***" in stored
    assert "word" not in stored.replace("password", "")


def test_only_old_gitea_bodies_are_rewritten() -> None:
    new = json.dumps(payload(), indent=2).encode()
    assert FORGES["Gitea"].without_secrets(Request({}, new), [SECRET.encode()]) is new
    old = json.dumps(payload(secret=SECRET), indent=2).encode()
    assert json.loads(FORGES["Gitea"].without_secrets(Request({}, old), [SECRET.encode()])) == payload(
        secret=""
    )
