"""`connect` at hosts that keep the secret of a webhook: a new one takes the place of those that are there."""

import json
from pathlib import Path
from typing import Any

import pytest
from support.chinese import HAN, english_of
from support.connect_site import ADDRESS, Site, site_of
from support.daemon import SECRET
from support.fake_hooks import REPOSITORY


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
