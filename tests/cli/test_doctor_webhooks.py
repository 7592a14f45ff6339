"""`doctor` asks the Git hosts how the webhooks are, within bounds, and changes nothing there."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.chinese import HAN, english_of
from support.commands import command
from support.connect_site import Site, site_of
from support.daemon import SECRET
from support.engines import opened
from support.fake_hooks import REPOSITORY, TOKEN
from support.fake_http import json_reply

from bridge.cli.doctor import host_webhooks

CHECK = "webhook at the host"


def looked(site: Site) -> list[dict[str, Any]]:
    """The findings about webhooks at the host."""
    opened(site.daemon.database).close()
    done = command("--config", site.daemon.config, "doctor", "--json")
    for secret in (TOKEN, SECRET):
        assert secret not in done.stdout + done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    return [{**one, "status": done.status} for one in found if one["check"] == CHECK]


def state_of(site: Site) -> tuple[str, str, str]:
    (found,) = looked(site)
    return found["about"], found["state"], found["what"]


def test_the_webhook_of_each_host_is_looked_at(site: Site) -> None:
    missing = "there is no webhook with this address: `buildbridge connect hub` makes it"
    assert state_of(site) == ("hub: acme/shop", "warn", missing)
    assert not site.host.changes()
    site.run("--yes")
    good = "the webhooks of 1 repositories are there and send: of 0 the host shows a good last answer"
    assert state_of(site) == ("hub", "ok", good)
    site.host.spoil("events")
    wrong = "the webhook is not as it has to be: `buildbridge connect hub` repairs it"
    assert state_of(site) == ("hub: acme/shop", "fail", wrong)
    assert len(site.host.changes()) == 1


def test_a_webhook_that_is_switched_off_fails_and_a_bad_answer_is_a_warning(tmp_path: Path) -> None:
    with site_of(tmp_path, "GitLab") as site:
        site.run("--yes")
        site.host.ours["alert_status"] = "disabled"
        about, state, what = state_of(site)
        assert (about, state) == ("hub: acme/shop", "fail")
        assert what.startswith("GitLab has switched the webhook off after failures (disabled)")
    (tmp_path / "hub").mkdir()
    with site_of(tmp_path / "hub", "GitHub") as site:
        site.run("--yes")
        site.host.ours["last_response"] = {"code": 401, "status": "x", "message": "Unauthorized"}
        said = "the last delivery was answered with 401: Unauthorized"
        assert state_of(site) == ("hub: acme/shop", "warn", said)


def test_a_good_last_answer_counts_only_where_the_host_shows_one(
    github: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    github.add_rule("docs")
    github.host.hooks["acme/docs"] = []
    github.run("--yes")
    github.host.ours["last_response"] = {"code": 202, "status": "active", "message": "Accepted"}
    said = "the webhooks of 2 repositories are there and send: of 1 the host shows a good last answer"
    assert state_of(github) == ("hub", "ok", said)
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    done = command("--config", github.daemon.config, "doctor").stdout
    (line,) = [line for line in done.splitlines() if "平台上的 Webhook" in line]
    assert (bool(HAN.search(line)), english_of(line)) == (True, [])


def test_only_few_of_many_repositories_are_asked_for(github: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(24):
        github.add_rule(f"r-{number:02}")
        github.host.hooks[f"acme/r-{number:02}"] = []
    first, last = looked(github)
    assert (first["about"], first["state"]) == ("hub: acme/r-00 (+19)", "warn")
    none = "0 have a webhook that sends, of 0 the host shows a good last answer"
    said = f"20 of 25 repositories were asked for: {none}"
    assert (last["about"], last["state"], last["what"]) == ("hub", "warn", said)
    assert last["cure"] == "`buildbridge connect hub --verify` asks for each"
    assert len(github.host.requests) == 20
    github.run("--yes")
    (found,) = looked(github)
    said = "20 of 25 repositories were asked for: 20 have a webhook that sends, of 0 the host shows a good"
    assert (found["state"], found["what"]) == ("ok", f"{said} last answer")
    for number in range(5):
        github.host.trouble(match=f"r-{number:02}/", reply=json_reply({"message": f"no {number}"}, 500))
    found_ = looked(github)
    assert [one["about"] for one in found_] == ["hub: acme/r-00", "hub: acme/r-01", "hub: acme/r-02", "hub"]
    assert found_[-1]["what"].startswith("20 of 25 repositories were asked for: 15 have a webhook that sends")
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    github.host.trouble(match="r-00/", reply=json_reply({"message": "no"}, 500))
    said = command("--config", github.daemon.config, "doctor").stdout
    lines = [line for line in said.splitlines() if "平台上的 Webhook" in line]
    assert len(lines) == 2
    for line in lines:
        assert HAN.search(line), line
        assert english_of(line) == [], line


def test_a_token_that_the_host_does_not_accept_is_said_once(github: Site) -> None:
    github.add_rule("docs")
    document = github.daemon.config.read_text().replace(TOKEN, "canary-0123456789-wrong")
    github.daemon.config.write_text(document)
    about, state, what = state_of(github)
    assert (about, state) == ("hub: acme/docs (+1)", "warn")
    assert what.startswith("GitHub does not accept the token")
    assert "canary" not in what
    assert len(github.host.requests) == 1


def test_a_host_that_hangs_or_asks_for_a_pause_is_not_waited_for(
    github: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host_webhooks, "_ASKING_SECONDS", 0.5)
    github.host.trouble("hang")
    about, state, what = state_of(github)
    assert (about, state) == ("hub", "warn")
    assert what == "0 of 1 repositories were asked for"
    monkeypatch.undo()
    github.host.trouble(reply=json_reply({}, 429, Retry_After="30"))
    assert state_of(github)[2] == "GitHub asks for fewer requests: run this again in 30 s"


def test_what_this_user_cannot_read_is_skipped(github: Site) -> None:
    document = yaml.safe_load(github.daemon.config.read_text())
    document["sources"]["hub"]["api"]["token"] = {"credential": "hub-api"}
    github.daemon.config.write_text(yaml.safe_dump(document))
    assert state_of(github) == ("hub", "skipped", "its settings cannot be read by this user")


@pytest.mark.parametrize("lack", ["api", "public_url", "secrets"])
def test_without_what_it_takes_no_host_is_asked(github: Site, lack: str) -> None:
    document = yaml.safe_load(github.daemon.config.read_text())
    source = document["sources"]["hub"]
    if lack == "public_url":
        del document["server"][lack]
    else:
        del source[lack]
    if lack == "secrets":
        source["poll"] = "1m"
    github.daemon.config.write_text(yaml.safe_dump(document))
    assert looked(github) == []
    assert REPOSITORY in github.host.hooks
    assert not github.host.requests
