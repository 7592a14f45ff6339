"""`builds trigger`: which commit is asked for, what comes of it, and why nothing can."""

import re
from pathlib import Path
from typing import Any

import pytest
from support.daemon import Daemon, running
from support.git import Origin
from support.records import CONFIG, RULE, fails, filled, good, one_build, run, unserved
from support.scripted import SHA, Store


class Hosted:
    """A rule for a real repository with a branch and an annotated tag."""

    def __init__(self, folder: Path) -> None:
        self.origin = Origin(folder / "git")
        self.sha = self.origin.commit({"f": "1"})
        self.origin.push()
        self.tag_object = self.origin.tag("v1.0")
        self.daemon = unserved(folder, self.origin.url)

    def asked(self, line: str) -> dict[str, Any]:
        """The commit that a trigger asks to build, and its delivery."""
        done = run(self.daemon, f"{line} --timeout 0")
        said = done.stdout
        assert (done.status, said.split()[0]) == (0, "delivery")
        assert done.complaint.startswith(
            "not processed yet: the daemon does that when it runs; see `deliveries show "
        )
        (document,) = good(self.daemon, f"deliveries show --json {said.split()[1]}").documents

        async def look(store: Store) -> Any:
            (found,) = await store.deliveries.claim(10)
            return found.body

        assert self.sha.encode() in filled(self.daemon, look)
        return document


@pytest.mark.parametrize("what", ["--branch main", "--tag v1.0"])
def test_a_build_is_asked_for_by_hand(what: str, tmp_path: Path) -> None:
    """The commit that the tag stands for, not the tag object."""
    document = Hosted(tmp_path).asked(f"builds trigger acme/shop {what}")
    assert (document["event"], document["forge"], document["state"]) == ("trigger", "manual", "stored")


def test_a_build_of_a_given_commit_asks_no_host(daemon: Daemon) -> None:
    assert (
        run(daemon, f"builds trigger acme/shop --branch main --commit {SHA.upper()} --timeout 0").status == 0
    )
    assert len(good(daemon, "deliveries list --json").documents) == 1


def test_a_trigger_says_which_builds_were_made_or_why_there_are_none(tmp_path: Path) -> None:
    with running(
        tmp_path, CONFIG, {"shop.yaml": RULE.format(url="https://git.example.com/shop.git")}
    ) as daemon:
        asked = f"builds trigger acme/shop --commit {SHA}"
        made = good(daemon, f"{asked} --branch main").stdout.splitlines()
        refused = run(daemon, f"{asked} --branch other")
    (build,) = daemon_builds = [line for line in made if line.startswith("build ")]
    assert len(made) == 1 + len(daemon_builds)
    assert re.fullmatch(r"build acme/shop #1  [0-9a-f-]{36}  here: latest", build)
    assert refused.status == 1
    assert refused.complaint.startswith("ignored: acme/shop tag_configs[0]: other does not match main")


def test_what_cannot_be_triggered_is_reported(tmp_path: Path) -> None:
    daemon = Hosted(tmp_path).daemon
    nothing = "acme/none --branch main", "there is no rule for acme/none; did you mean acme/shop?"
    branch = "acme/shop --branch gone", "the host has no branch gone: correct the name"
    tag = "acme/shop --tag gone", "the host has no tag gone: correct the name"
    away = (
        "acme/shop --branch main --clone-url file:///nowhere/at-all.git",
        (
            "the host does not say what its refs are: fatal: '/nowhere/at-all.git' does not appear to be a "
            "git repository: no repository is there, or this user may not read it"
        ),
    )
    for arguments, complaint in (nothing, branch, tag, away):
        assert fails(daemon, f"builds trigger {arguments}") == complaint
    assert good(daemon, "deliveries list --json").documents == []


def test_where_the_code_is_must_be_known(daemon: Daemon) -> None:
    rule = (daemon.folder / "rules" / "shop.yaml").read_text()
    host = "code_repo_client: Gitee\n  code_repo_namespace: acme\n  code_repo_name: shop"
    text = rule.replace("code_repo_client: Simple", host)
    text = "\n".join(line for line in text.splitlines() if "clone_url" not in line)
    (daemon.folder / "rules" / "shop.yaml").write_text(text)
    said = fails(daemon, "builds trigger acme/shop --branch main")
    assert said == "no push has named the clone URL yet: give --clone-url"
    one_build(daemon, repo_url="file:///nowhere/shop.git")
    assert "does not say what its refs are" in fails(daemon, "builds trigger acme/shop --branch main")
