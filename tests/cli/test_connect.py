"""`connect`: webhooks made and repaired at fakes of each host that enforce the rules of its API."""

import json
import os
import pty
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from support.connect_site import ADDRESS, KEEPS_SECRET, Site, site_of
from support.daemon import SECRET
from support.fake_gitlab_hooks import GitLabHooks
from support.fake_hook_hosts import SPOILT, USERNAME, BitbucketHooks
from support.fake_hooks import OTHERS, REPOSITORY, TOKEN
from support.fake_http import json_reply

from bridge.registry import KINDS

SPOILT_WAYS: Final = [(kind, what) for kind, ways in SPOILT.items() for what in ways]


def test_a_webhook_that_is_missing_is_shown_then_made_and_then_left_as_it_is(site: Site) -> None:
    looked = site.run("--dry-run")
    assert (looked.status, looked.stdout) == (0, "acme/shop: create\n")
    assert not site.host.changes()
    done = site.run("--yes")
    assert (done.status, done.stderr) == (0, "")
    assert done.stdout == (
        f"acme/shop: create\nacme/shop: done: {site.kind} answered 201: webhook "
        f"{site.host.ours.get('id') or site.host.ours['uuid']}\n"
    )
    made = json.loads(json.dumps(site.host.ours))
    assert site.host.address(made) == ADDRESS
    assert site.host.secret(made) == SECRET
    again = site.run("--yes")
    assert (again.status, again.stdout) == (0, "acme/shop: nothing to do\n")
    assert site.host.ours == made
    assert len(site.host.changes()) == 1


def test_a_webhook_of_others_is_never_touched(site: Site) -> None:
    before = json.dumps(site.host.hooks[REPOSITORY][0])
    site.run("--yes")
    site.host.spoil("events")
    site.run("--yes")
    assert len(site.host.changes()) == 2
    assert json.dumps(site.host.hooks[REPOSITORY][0]) == before


@pytest.mark.parametrize(("kind", "what"), SPOILT_WAYS, ids=[f"{kind}-{what}" for kind, what in SPOILT_WAYS])
def test_what_differs_is_named_and_repaired_with_the_secret(tmp_path: Path, kind: str, what: str) -> None:
    with site_of(tmp_path, kind) as site:
        site.run("--yes")
        made = json.loads(json.dumps(site.host.ours))
        site.host.spoil(what)
        looked = site.run("--dry-run")
        assert looked.stdout.startswith(f"acme/shop: repair: {what}")
        verified = site.run("--verify")
        wrong = f"is not as it has to be: `buildbridge connect hub` repairs it ({what}"
        assert (verified.status, wrong in verified.stdout) == (1, True)
        done = site.run("--yes")
        assert (done.status, "done:" in done.stdout) == (0, True)
        repaired = site.host.ours
        assert {key: repaired[key] for key in made if key != "events"} == {
            key: value for key, value in made.items() if key != "events"
        }
        assert set(made.get("events", [])) <= set(repaired.get("events", []))
        assert site.run().stdout == "acme/shop: nothing to do\n"


def test_a_new_secret_is_set_where_the_host_hides_what_it_has(site: Site) -> None:
    site.run("--yes")
    document = site.daemon.config.read_text().replace(SECRET, "the-next-secret-of-the-tests")
    site.daemon.config.write_text(document)
    assert site.run().stdout == "acme/shop: nothing to do\n"
    former = site.host.ours
    done = site.run("--renew-secret", "--yes")
    assert done.status == 0
    ours = site.host.ours
    if site.kind in KEEPS_SECRET:
        what = f"a new webhook is made, then this one is deleted: {former['id']}"
        assert done.stdout.startswith(f"acme/shop: replace: secret; {what}\nacme/shop: done: ")
        assert site.host.changes()[-2:][0].startswith("POST ")
        assert {**ours, "id": 0, "config": 0} == {**former, "id": 0, "config": 0}
    else:
        assert done.stdout.startswith("acme/shop: repair: secret\n")
        assert site.host.number(ours) == site.host.number(former)
    assert site.host.secret(ours) == "the-next-secret-of-the-tests"


@pytest.mark.parametrize("kind", sorted(KEEPS_SECRET))
def test_what_people_set_besides_stays_in_a_new_webhook(tmp_path: Path, kind: str) -> None:
    with site_of(tmp_path, kind) as site:
        site.run("--yes")
        texts = {} if kind == "Gogs" else {"branch_filter": "release/*", "authorization_header": "Basic x"}
        site.host.ours.update({**texts, "events": ["push", "create", "delete", "issues"]})
        before = site.host.ours
        assert site.run("--renew-secret", "--yes").status == 0
        assert {**site.host.ours, "id": 0} == {**before, "id": 0}


@pytest.mark.parametrize("acts", [True, False])
@pytest.mark.parametrize("match", ["POST", "DELETE"])
def test_a_replacement_that_was_cut_short_goes_on(tmp_path: Path, match: str, *, acts: bool) -> None:
    with site_of(tmp_path, "Gitea") as site:
        site.run("--yes")
        others, former = site.host.hooks[REPOSITORY]
        site.host.trouble("reset", match, acts=acts)
        cut = site.run("--renew-secret", "--yes")
        assert (cut.status, "not done: " in cut.stdout) == (1, True)
        said = f"webhook {former['id'] + 1} is made, and webhook {former['id']} may still be there: delete it"
        assert (said in cut.stdout) == (match == "DELETE")
        if len(site.host.hooks[REPOSITORY]) > 2:
            cure = "`buildbridge connect hub --renew-secret` makes a new one in their place"
            assert cure in site.run("--verify").stdout
            assert cure in site.run("--yes").stdout
        assert site.run("--renew-secret", "--yes").status == 0
        assert site.host.hooks[REPOSITORY] == [others, site.host.ours]
        assert site.host.secret(site.host.ours) == SECRET
        assert site.run("--verify").status == 0


def test_a_former_webhook_that_is_gone_already_is_no_failure(tmp_path: Path) -> None:
    with site_of(tmp_path, "Forgejo") as site:
        site.run("--yes")
        site.host.trouble(match="DELETE", reply=json_reply({"message": "Not Found"}, 404))
        done = site.run("--renew-secret", "--yes")
        assert (done.status, "done: " in done.stdout) == (0, True)


def test_our_webhook_is_found_on_a_later_page_and_no_second_one_is_made(site: Site) -> None:
    site.run("--yes")
    hooks = site.host.hooks[REPOSITORY]
    site.host.hooks[REPOSITORY] = [*(site.host.of_others() for _ in range(7)), *hooks]
    site.host.largest = 3
    assert site.run("--yes").stdout == "acme/shop: nothing to do\n"
    assert len(site.host.changes()) == 1


def test_a_webhook_of_another_bridge_is_named_and_left_alone(site: Site) -> None:
    site.run("--yes")
    theirs = site.host.ours
    site.host.config(theirs)["url"] = "https://production.example.com/hooks/hub"
    kept = json.dumps(theirs)
    moves = "--from and that address move it here, if this bridge was there before"
    elsewhere = "a webhook leads to https://production.example.com/hooks/hub, too"
    assert site.run("--dry-run").stdout == f"acme/shop: create; {elsewhere}; {moves}\n"
    verified = site.run("--verify")
    assert verified.status == 1
    assert "there is no webhook with this address" in verified.stdout
    assert f"; {elsewhere}; {moves}" in verified.stdout
    assert site.run("--yes").status == 0
    addresses = [site.host.address(hook) for hook in site.host.hooks[REPOSITORY]]
    assert addresses == [OTHERS, site.host.address(theirs), ADDRESS]
    assert json.dumps(theirs) == kept
    assert site.run("--yes").stdout == f"acme/shop: nothing to do; {elsewhere}\n"
    assert site.run("--verify").status == 0


@pytest.mark.parametrize(
    "former",
    [
        "https://old.example.com/hooks/hub",
        "https://bridge.example.com:8088/hooks/hub",
        "https://bridge.example.com/hooks/hub-of-before",
    ],
)
def test_a_webhook_of_before_a_move_is_taken_over_where_a_person_says_so(site: Site, former: str) -> None:
    site.run("--yes")
    site.host.config(site.host.ours)["url"] = former
    before = site.host.ours
    looked = site.run("--from", former, "--dry-run")
    step = "replace" if site.kind in KEEPS_SECRET else "repair"
    assert looked.stdout.startswith(f"acme/shop: {step}: address (now {former})")
    assert site.run("--from", former, "--yes").status == 0
    assert len(site.host.hooks[REPOSITORY]) == 2
    assert site.host.address(site.host.ours) == ADDRESS
    assert site.host.secret(site.host.ours) == SECRET
    assert before.get("events") == site.host.ours.get("events")
    assert site.run("--from", former, "--yes").stdout == "acme/shop: nothing to do\n"


def test_an_address_that_no_webhook_has_is_not_taken_over(github: Site) -> None:
    done = github.run("--from", "https://old.example.com/hooks/hub", "--yes")
    said = "there is no webhook with the address https://old.example.com/hooks/hub"
    assert (done.status, done.stdout) == (1, f"acme/shop: cannot: {said}\n")
    assert not github.host.changes()


@pytest.mark.parametrize(
    "spelled", ["http://bridge.example.com/hooks/hub/", "https://Bridge.example.com:443/hooks/hub"]
)
def test_our_own_address_in_another_spelling_is_ours(github: Site, spelled: str) -> None:
    github.run("--yes")
    github.host.ours["config"]["url"] = spelled
    assert github.run("--yes").stdout.startswith(f"acme/shop: repair: address (now {spelled})\n")
    assert len(github.host.hooks[REPOSITORY]) == 2
    assert github.host.address(github.host.ours) == ADDRESS


def test_an_address_of_before_is_shown_without_what_may_be_secret_in_it(github: Site) -> None:
    github.run("--yes")
    github.host.ours["config"]["url"] = "https://bot:canary-1@old.example.com/hooks/hub/?key=canary-2"
    assert "a webhook leads to https://old.example.com/hooks/hub/, too" in github.run("--dry-run").stdout
    said = github.run("--dry-run", "--from", "https://old.example.com/hooks/hub").stdout
    assert said == "acme/shop: repair: address (now https://old.example.com/hooks/hub/), secret\n"


def test_where_two_webhooks_may_be_ours_a_person_decides(github: Site) -> None:
    github.run("--yes")
    second = json.loads(json.dumps(github.host.ours)) | {"id": 7}
    github.host.hooks[REPOSITORY].append(second)
    done = github.run("--yes")
    assert done.status == 1
    assert f"cannot: 2 webhooks lead to {ADDRESS} (102, 7): delete all but one at the host" in done.stdout
    assert len(github.host.changes()) == 1


def test_all_repositories_of_the_rules_are_meant_and_each_once(github: Site) -> None:
    for name in ("docs", "gone", "locked"):
        github.add_rule(name)
    github.host.hooks |= {"acme/docs": [], "acme/locked": []}
    github.host.readonly.add("acme/locked")
    done = github.run("--yes")
    assert done.status == 1
    planned, made = done.stdout.splitlines()[:4], done.stdout.splitlines()[4:]
    needs = "the permission Webhooks (read and write), or the scope admin:repo_hook, of an administrator"
    why = f"there is no such repository, or the token may not manage its webhooks: it needs {needs}"
    assert planned == [
        "acme/docs: create",
        f"acme/gone: cannot: {why}; GitHub answered 404: Not Found",
        f"acme/locked: cannot: {why}; GitHub answered 403: Resource not accessible by personal access token",
        "acme/shop: create",
    ]
    assert [line.split(": ")[:2] for line in made] == [["acme/docs", "done"], ["acme/shop", "done"]]
    only = github.run("acme/docs", "Acme/Docs", "--dry-run")
    assert only.stdout == "acme/docs: nothing to do\n"


def test_without_a_terminal_nothing_is_done_unless_yes_says_so(github: Site) -> None:
    done = github.run()
    assert done.status == 2
    assert "there is no terminal to ask at: add --yes to do it, or --dry-run to only look" in done.stderr
    assert not github.host.changes()


def test_verify_says_what_the_host_got_for_its_last_delivery(tmp_path: Path) -> None:
    for kind in ("GitHub", "GitLab", "Gitee"):
        (tmp_path / kind).mkdir()
        with site_of(tmp_path / kind, kind) as site:
            missing = site.run("--verify")
            assert missing.status == 1
            assert (
                "there is no webhook with this address: `buildbridge connect hub` makes it" in missing.stdout
            )
            site.run("--yes")
            quiet = site.run("--verify")
            assert (quiet.status, quiet.stdout) == (
                0,
                "acme/shop: ok; the host says nothing of a last delivery\n",
            )
            for status, text in ((202, "Accepted"), (503, "down")):
                hook: Any = site.host.ours
                hook["last_response"] = {"code": status, "status": "active", "message": text}
                hook.update({"result_code": status, "result": text})
                if isinstance(site.host, GitLabHooks):
                    site.host.attempt_of("Push Hook", b"{}", status)
                done = site.run("--verify")
                assert (done.status, f"answered with {status}" in done.stdout) == (int(status > 299), True)
            assert len(site.host.changes()) == 1


def test_verify_reads_the_answer_to_a_large_delivery(tmp_path: Path) -> None:
    with site_of(tmp_path, "GitLab") as site:
        site.run("--yes")
        assert isinstance(site.host, GitLabHooks)
        site.host.attempt_of("Push Hook", json.dumps({"commits": ["x" * (6 << 20)]}).encode(), 401)
        done = site.run("--verify")
        assert (done.status, "the last delivery was answered with 401" in done.stdout) == (1, True)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (404, "acme/shop: ok; the host says nothing of a last delivery\n"),
        (403, "acme/shop: there is no such repository, or the token may not manage its webhooks: "),
        (500, "acme/shop: GitLab answered 500: no\n"),
    ],
)
def test_only_a_host_without_last_deliveries_says_nothing_of_them(
    tmp_path: Path, status: int, said: str
) -> None:
    with site_of(tmp_path, "GitLab") as site:
        site.run("--yes")
        site.host.trouble(match="/events", reply=json_reply({"message": "no"}, status))
        done = site.run("--verify")
        assert (done.status, done.stdout[: len(said)]) == (int(status != 404), said)


def test_a_webhook_that_gitlab_has_switched_off_is_named_with_its_cure(tmp_path: Path) -> None:
    with site_of(tmp_path, "GitLab") as site:
        site.run("--yes")
        site.host.ours["alert_status"] = "disabled"
        for option in ("--yes", "--verify"):
            done = site.run(option)
            assert done.status == 1
            assert "GitLab has switched the webhook off after failures (disabled)" in done.stdout
        assert len(site.host.changes()) == 1


def test_a_signing_token_of_gitlab_is_not_sent_anywhere(tmp_path: Path) -> None:
    with site_of(tmp_path, "GitLab") as site:
        text = site.daemon.config.read_text().replace(SECRET, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
        site.daemon.config.write_text(text)
        done = site.run("--yes")
        assert (done.status, "the first secret is a signing token" in done.stdout) == (1, True)
        assert not site.host.requests


def test_a_token_of_bitbucket_may_go_with_a_user_name(tmp_path: Path) -> None:
    with site_of(tmp_path, "Bitbucket", username=USERNAME) as site:
        assert isinstance(site.host, BitbucketHooks)
        assert site.run("--yes").status == 0
        assert site.host.address(site.host.ours) == ADDRESS


def test_what_people_set_besides_stays_through_a_repair(tmp_path: Path) -> None:
    with site_of(tmp_path, "Gitea") as site:
        site.run("--yes")
        site.host.ours.update({"branch_filter": "release/*", "authorization_header": "Bearer of-a-proxy"})
        site.host.spoil("active")
        done = site.run("--yes")
        assert (done.status, "of-a-proxy" in done.stdout) == (0, False)
        ours = site.host.ours
        assert (ours["active"], ours["branch_filter"]) == (True, "release/*")
        assert ours["authorization_header"] == "Bearer of-a-proxy"


@pytest.mark.parametrize(
    ("kind", "fields", "pattern"),
    [
        ("Gitea", {"branch_filter": "release/*"}, "release/*"),
        ("Forgejo", {"branch_filter": "*"}, None),
        ("GitLab", {"push_events_branch_filter": "release/*"}, "release/*"),
        ("GitLab", {"push_events_branch_filter": "^r", "branch_filter_strategy": "regex"}, "^r"),
        ("GitLab", {"push_events_branch_filter": "x", "branch_filter_strategy": "all_branches"}, None),
        ("GitLab", {"push_events_branch_filter": ""}, None),
    ],
)
def test_a_filter_of_branches_is_named_and_stays(
    tmp_path: Path, kind: str, fields: dict[str, str], pattern: str | None
) -> None:
    with site_of(tmp_path, kind) as site:
        site.run("--yes")
        site.host.ours.update(fields)
        said = "" if pattern is None else f"; it sends only pushes of branches like {pattern}"
        assert site.run("--yes").stdout == f"acme/shop: nothing to do{said}\n"
        verified = site.run("--verify")
        assert verified.status == 0
        assert verified.stdout == f"acme/shop: ok; the host says nothing of a last delivery{said}\n"
        site.host.spoil("events")
        done = site.run("--yes")
        assert (done.status, said in done.stdout.splitlines()[0]) == (0, True)
        assert fields.items() <= site.host.ours.items()


def test_what_our_webhook_sends_besides_stays(github: Site) -> None:
    github.run("--yes")
    github.host.ours["events"] = ["issues", "push"]
    assert github.run("--yes").stdout == "acme/shop: nothing to do\n"
    github.host.ours["config"]["content_type"] = "form"
    github.run("--yes")
    assert github.host.ours["events"] == ["issues", "push"]
    assert github.host.address(github.host.hooks[REPOSITORY][0]) == OTHERS


@pytest.mark.parametrize(("answer", "status"), [("y", 0), ("n", 130)])
def test_on_a_terminal_it_is_shown_first_and_then_asked(github: Site, answer: str, status: int) -> None:
    ours, theirs = pty.openpty()
    program = [sys.executable, "-m", "bridge", "--config", str(github.daemon.config), "connect", "hub"]
    printed = b""
    with subprocess.Popen(program, stdin=theirs, stdout=theirs, stderr=theirs) as done:
        os.close(theirs)
        os.write(ours, f"{answer}\n".encode())
        with suppress(OSError):  # the end of a terminal
            while part := os.read(ours, 65536):
                printed += part
        assert done.wait(60) == status, printed
    os.close(ours)
    lines = printed.decode().splitlines()
    assert "acme/shop: create" in lines
    assert any(line.startswith("Change 1 webhook? [y/N]: ") for line in lines)
    assert len(github.host.changes()) == (answer == "y")


def test_no_other_secret_has_to_be_readable(github: Site) -> None:
    """Such as the former one of the source, or those of channels: often only the daemon may read them."""
    document = yaml.safe_load(github.daemon.config.read_text())
    source = document["sources"]["hub"]
    source["secrets"] = [{"env": "FIRST"}, {"file": "gone"}]
    source["clone"] = {"url": "https://git.example.com", "token": {"credential": "gone"}}
    source["api"]["token"] = {"env": "TOKEN"}
    document["api"] = {"tokens": [{"credential": "gone"}]}
    github.daemon.config.write_text(yaml.safe_dump(document))
    assert "the environment variable FIRST is not set" in github.run("--yes").stderr
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("FIRST", SECRET)
        patched.setenv("TOKEN", TOKEN)
        assert github.run("--yes").status == 0
    assert github.host.secret(github.host.ours) == SECRET


def test_addresses_of_hosts_stand_for_their_apis() -> None:
    found = {
        kind: traits.api.base(url)
        for kind, url in (
            ("GitHub", None),
            ("GitHub", "https://github.com"),
            ("GitLab", "https://git.example.com/"),
            ("Gitea", "https://git.example.com/gitea/api/v1"),
            ("Bitbucket", "https://bitbucket.org"),
            ("Gitee", None),
        )
        if (traits := KINDS.forges[kind]).api
    }
    assert found == {
        "GitHub": "https://api.github.com",
        "GitLab": "https://git.example.com/api/v4",
        "Gitea": "https://git.example.com/gitea/api/v1",
        "Bitbucket": "https://api.bitbucket.org/2.0",
        "Gitee": "https://gitee.com/api/v5",
    }
