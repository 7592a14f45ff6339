"""`connect`: what cannot be done is said with its cure, and nothing is done by half."""

from pathlib import Path
from typing import Any

import pytest
from support.chinese import HAN, english_of
from support.commands import command
from support.connect_site import ADDRESS, PUBLIC, Site, site_of
from support.daemon import SECRET, Daemon
from support.fake_hook_hosts import HOSTS
from support.fake_hooks import REPOSITORY, TOKEN
from support.fake_http import Reply, json_reply, served


def test_a_token_that_is_not_accepted_is_asked_with_once(site: Site) -> None:
    site.add_rule("docs")
    document = site.daemon.config.read_text().replace(TOKEN, "canary-0123456789-wrong")
    site.daemon.config.write_text(document)
    done = site.run("--yes")
    assert done.status == 1
    for line, name in zip(done.stdout.splitlines(), ("docs", "shop"), strict=True):
        assert line.startswith(f"acme/{name}: cannot: {site.kind} does not accept the token")
        assert "check `sources.hub.api.token`" in line
        assert "canary" not in line
    assert len(site.host.requests) == 1


def test_what_the_token_lacks_is_said_for_each_host(site: Site) -> None:
    site.host.readonly.add(REPOSITORY)
    done = site.run("--yes")
    assert done.status == 1
    assert done.stdout.startswith(
        "acme/shop: cannot: there is no such repository, or the token may not manage"
    )
    assert f"; {site.kind} answered 403: " in done.stdout


def test_an_address_that_is_not_that_of_the_api_is_named(tmp_path: Path) -> None:
    with served(HOSTS["Gitea"]()) as host:
        site = Site(tmp_path, "Gitea", host, url=f"{host.url}git")
        done = site.run("--yes")
    assert done.status == 1
    assert "it does not come from Gitea, check `sources.hub.api.url`" in done.stdout


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (
            json_reply({}, 301, Location="https://elsewhere.example.com"),
            "the repository has another name now",
        ),
        (json_reply({"message": f"no {TOKEN} here"}, 500), "GitHub answered 500: no *** here"),
        (json_reply({"message": "x" * 9000}, 500), "GitHub answered 500: " + "x" * 200 + "\n"),
        (
            json_reply({"message": "API rate limit exceeded"}, 403),
            "asks for fewer requests: run this again in a",
        ),
        (json_reply({}, 429, Retry_After="3600"), "asks for fewer requests: run this again in 3600 s"),
        (json_reply({"hooks": []}), "GitHub answered 200, and not what its API says"),
        (Reply(200, {}, b"x" * 70_000), "the answer of 127.0.0.1 is over 65536 bytes"),
    ],
)
def test_answers_that_end_it_are_explained(github: Site, reply: Reply, said: str) -> None:
    github.host.trouble(reply=reply)
    done = github.run("--yes")
    assert done.status == 1
    assert said in done.stdout
    assert len(github.host.requests) == 1


def test_a_pause_that_the_host_asks_for_is_kept(github: Site) -> None:
    github.host.trouble(reply=json_reply({"message": "slow down"}, 429, Retry_After="1"))
    github.host.trouble(
        match="POST", reply=json_reply({"message": "secondary rate limit"}, 403, Retry_After="0")
    )
    assert github.run("--yes").status == 0
    assert github.host.address(github.host.ours) == ADDRESS
    assert len(github.host.changes()) == 2


def test_a_duplicate_that_came_meanwhile_is_said_in_the_words_of_the_host(github: Site) -> None:
    refusal = json_reply(
        {"message": "Validation Failed", "errors": [{"message": "Hook already exists"}]}, 422
    )
    github.host.trouble(match="POST", reply=refusal)
    done = github.run("--yes")
    assert done.status == 1
    said = "GitHub answered 422: Validation Failed; Hook already exists"
    assert f"not done: GitHub does not take the request; {said}" in done.stdout


def test_an_answer_that_is_lost_makes_no_second_webhook(github: Site) -> None:
    github.host.trouble("reset", "POST", acts=True)
    done = github.run("--yes")
    assert done.status == 1
    assert "it may have been carried out, run this again to see" in done.stdout
    assert github.run("--yes").stdout == "acme/shop: nothing to do\n"
    assert len(github.host.changes()) == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"url": "http://git.example.com", "allow_private": False}, "the URL has to start with https://"),
        ({"username": "bot"}, "GitHub takes no username: leave it out"),
        ({"token": "two\nlines"}, "must be one line without control characters: copy it anew"),
        ({"url": "http://8.8.8.8"}, "everyone on the way to a public address can read the token"),
        ({"allow_private": False, "url": "https://127.0.0.1:1"}, "is not public: set allow_private: true"),
        ({"proxy": "http://127.0.0.1:1"}, "the URL has to start with https:// where a proxy is between"),
    ],
)
def test_settings_that_cannot_be_used_are_explained(
    tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    with site_of(tmp_path, "GitHub", **change) as site:
        done = site.run("--yes")
        assert done.status == 1
        assert said in done.stdout + done.stderr
        assert not site.host.requests


def test_what_is_missing_in_the_configuration_is_said(tmp_path: Path) -> None:
    def said(config: dict[str, Any], *arguments: str) -> str:
        daemon = Daemon(tmp_path, {"builders": {"here": {"kind": "dummy"}}, **config}, {})
        done = command("--config", daemon.config, "connect", *arguments)
        assert done.status in {1, 2}
        return done.stderr

    hub = {"kind": "GitHub", "secrets": [SECRET]}
    public = {"public_url": PUBLIC}
    with_token = {"sources": {"hub": {**hub, "api": {"token": TOKEN}}}, "server": public}
    assert "there is no source hubb; did you mean hub?" in said({"sources": {"hub": hub}}, "hubb")
    assert "server.public_url is missing" in said({"sources": {"hub": hub}}, "hub")
    missing = said({"sources": {"hub": hub}, "server": public}, "hub")
    assert "sources.hub.api is missing: give it a token" in missing
    plain = {"sources": {"plain": {"kind": "Simple", "secrets": [SECRET]}}}
    assert "webhooks of Simple are made by hand: `buildbridge help simple`" in said(plain, "plain")
    assert "no rule builds what is pushed to hub: write one first" in said(with_token, "hub")
    assert "shop is not the name of a repository at the host" in said(with_token, "hub", "shop")
    assert "--verify changes nothing" in said(with_token, "hub", "--verify", "--yes")
    assert "--verify changes nothing" in said(
        with_token, "hub", "--verify", "--from", "https://x.example.com"
    )
    polled = {"kind": "GitHub", "poll": "1m", "api": {"token": TOKEN}}
    without = said({"sources": {"hub": polled}, "server": public}, "hub", "acme/shop")
    assert "sources.hub.secrets is missing: give it the secret of the webhook" in without
    gitea = {"kind": "Gitea", "secrets": [SECRET], "api": {"token": TOKEN}}
    assert "url is missing: the address of your Gitea" in said({"sources": {"hub": gitea}}, "hub")
    simple = {"kind": "Simple", "secrets": [SECRET], "api": {"token": TOKEN}}
    listed = (
        "is for GitHub, GitLab, Gitee, Gitea, Forgejo, Gogs, Bitbucket: at Simple webhooks are made by hand"
    )
    assert listed in said({"sources": {"hub": simple}}, "hub")


@pytest.mark.parametrize("reply", [None, json_reply({}, 401), json_reply({}, 404), json_reply({}, 429)])
def test_all_that_is_said_is_chinese_for_who_reads_chinese(
    site: Site, monkeypatch: pytest.MonkeyPatch, reply: Reply | None
) -> None:
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    if reply is not None:
        site.host.trouble(reply=reply)
    said = site.run("--yes").stdout + site.run("--verify").stdout
    site.host.trouble("reset", "GET")
    said += site.run("--dry-run").stdout + site.run().stderr
    site.run("--yes")
    site.host.spoil("events")
    said += site.run("--verify").stdout + site.run("--dry-run").stdout + site.run().stderr
    said += site.run("--dry-run", "--renew-secret").stdout
    site.host.ours.update({"branch_filter": "release/*", "push_events_branch_filter": "release/*"})
    site.host.hooks[REPOSITORY].append({**site.host.ours, "id": 7, "uuid": "{7}"})
    said += site.run("--verify").stdout
    assert "个 Webhook 指向" in said
    site.host.hooks[REPOSITORY].pop()
    said += site.run("--verify").stdout + site.run("--dry-run").stdout
    site.host.config(site.host.ours)["url"] = "https://old.example.com/hooks/hub"
    said += site.run("--dry-run").stdout + site.run("--dry-run", "--from", "https://x.example.com").stdout
    for line in said.splitlines():
        assert HAN.search(line), line
        assert english_of(line) == [], line
    assert "Webhook 的设置不对" in said
    assert "事件" in said
