"""`connect` at hosts that keep the secret of a webhook: a new one takes the place of those that are there."""

import json
from pathlib import Path
from typing import Any, Final

import pytest
from support.chinese import HAN, english_of
from support.connect_site import ADDRESS, KEEPS_SECRET, Site, site_of
from support.daemon import SECRET
from support.fake_hooks import REPOSITORY

FORMER: Final = "https://old.example.com/hooks/hub"


def doubled(site: Site, **fields: Any) -> None:
    """Ours is there, and one more that differs in these fields."""
    site.run("--yes")
    second = {**json.loads(json.dumps(site.host.ours)), "id": 7}
    site.host.hooks[REPOSITORY].append({**second, **fields})


@pytest.mark.parametrize("kind", ["Gitea", "Forgejo"])
@pytest.mark.parametrize("fields", [{"branch_filter": "release/*"}, {"authorization_header": "Basic canary"}])
def test_webhooks_that_people_have_set_differently_are_not_made_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, fields: dict[str, str]
) -> None:
    with site_of(tmp_path, kind) as site:
        doubled(site, **fields)
        said = "people have set them differently, so delete all but one at the host"
        for option in ("--renew-secret", "--verify", "--dry-run"):
            done = site.run(option, *(["--yes"] if option == "--renew-secret" else []))
            assert (done.status, f"2 webhooks lead to {ADDRESS} (102, 7): {said}" in done.stdout) == (1, True)
            assert "canary" not in done.stdout
        assert len(site.host.changes()) == 1
        monkeypatch.setenv("LANG", "zh_CN.UTF-8")
        line = site.run("--verify").stdout.strip()
        assert HAN.search(line), line
        assert english_of(line) == [], line


@pytest.mark.parametrize("fields", [{}, {"branch_filter": "*"}, {"events": ["push", "delete", "issues"]}])
def test_webhooks_that_let_the_same_pass_are_made_one(tmp_path: Path, fields: dict[str, Any]) -> None:
    with site_of(tmp_path, "Gitea") as site:
        doubled(site, **fields)
        assert site.run("--renew-secret", "--yes").status == 0
        assert site.host.address(site.host.ours) == ADDRESS
        assert site.host.secret(site.host.ours) == SECRET


def at_former(site: Site) -> None:
    """Ours has the address of before a move."""
    site.run("--yes")
    site.host.config(site.host.ours)["url"] = FORMER


@pytest.mark.parametrize("match", ["POST", "DELETE"])
@pytest.mark.parametrize("kind", sorted(KEEPS_SECRET))
def test_a_takeover_that_was_cut_short_goes_on(tmp_path: Path, kind: str, match: str) -> None:
    with site_of(tmp_path, kind) as site:
        at_former(site)
        site.host.trouble("reset", match, acts=match == "POST")
        assert site.run("--from", FORMER, "--yes").status == 1
        assert len(site.host.hooks[REPOSITORY]) == 3
        looked = site.run("--from", FORMER, "--dry-run").stdout
        ours, former = (hook["id"] for hook in reversed(site.host.hooks[REPOSITORY][1:]))
        end = f"a new webhook is made, then this one is deleted: {ours}, {former}\n"
        assert looked == f"acme/shop: replace: secret; {end}"
        assert site.run("--from", FORMER, "--yes").status == 0
        assert site.host.address(site.host.ours) == ADDRESS
        assert site.host.secret(site.host.ours) == SECRET
        assert site.run("--from", FORMER, "--yes").stdout == "acme/shop: nothing to do\n"


def test_where_a_host_changes_webhooks_a_former_one_beside_ours_is_named(tmp_path: Path) -> None:
    with site_of(tmp_path, "GitHub") as site:
        at_former(site)
        site.run("--yes")
        done = site.run("--from", FORMER, "--yes")
        said = f"2 webhooks lead to {ADDRESS}, {FORMER} (103, 102): delete all but one at the host"
        assert (done.status, done.stdout) == (1, f"acme/shop: cannot: {said}\n")
        assert len(site.host.changes()) == 2


def test_of_several_whole_addresses_none_is_taken_over(tmp_path: Path) -> None:
    with site_of(tmp_path, "Gitea") as site:
        at_former(site)
        second = {**json.loads(json.dumps(site.host.ours)), "id": 7}
        second["config"]["url"] += "?for=another"
        site.host.hooks[REPOSITORY].append(second)
        done = site.run("--from", FORMER, "--yes")
        said = f"2 webhooks lead to {FORMER} (102, 7): delete all but one at the host"
        assert (done.status, done.stdout) == (1, f"acme/shop: cannot: {said}\n")
        assert len(site.host.changes()) == 1
