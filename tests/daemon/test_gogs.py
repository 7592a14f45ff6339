"""The deliveries of a real Gogs 0.11.91, sent to a daemon in a process of its own.

The repository had two webhooks with one secret: one sent all events as JSON, the other pushes as forms.
"""

import hmac
import json
from pathlib import Path
from typing import Any

import httpx
from support.daemon import NO_TLS, Daemon, running
from support.git import Origin
from support.waiting import eventually

RECORDINGS = sorted((Path(__file__).parents[1] / "data" / "gogs").glob("*.json"))
SECRET = "s3cret"
CONFIG = {
    "sources": {"gogs": {"kind": "Gogs", "secrets": [SECRET]}},
    "builders": {"here": {"kind": "local", "command": ["true"]}},
}
RULE = """
namespace: acme
repo_name: demo
build_config:
  code_repo_client: Gogs
  code_repo_namespace: alice
  code_repo_name: demo
  tag_configs:
    - {code_repo_type: branch, code_repo_type_value: "**", docker_repo_tag: "{branch}", version_tagging: 2}
    - {code_repo_type: tag, code_repo_type_value: "**", docker_repo_tag: "{tag}", version_tagging: 2}
"""
FIRST = "18c61e65ba18e97a40aad07729f23195076253b2"
SECOND = "adbc1ffaa5a51d4513662686c73255e0670a6a48"
FEATURE = [
    "b0251d847e529e5934a365ffb63dfc8eb9bc41e0",
    "db17109988c241439fb2d23f7880cb1fde650feb",
    "4e63dfbd7be93ff58a9eb41be059f324f9c0d548",
]
NEWEST = "097f76db21d626b5593f0f228cea876fdb887154"
TAG_OBJECT = "bf86919c5e09245830a8dbd68913b16c9eaa36ea"
"""What v1.2.1 points to: its delivery does not say that this is no commit."""
BRANCH = "feature/登录-x"
WANTED = [
    ("refs/heads/master", FIRST, ["master", FIRST]),
    ("refs/heads/master", SECOND, ["master", SECOND]),
    (f"refs/heads/{BRANCH}", FEATURE[0], ["feature-x-ae116723", FEATURE[0]]),
    # By their names the recordings of the second and the third push are sent in the wrong order.
    (f"refs/heads/{BRANCH}", FEATURE[1], [FEATURE[1]]),
    (f"refs/heads/{BRANCH}", FEATURE[2], ["feature-x-ae116723", FEATURE[2]]),
    ("refs/tags/v1.2.0", FEATURE[2], ["v1.2.0", FEATURE[2]]),
    ("refs/tags/v1.2.1", None, ["v1.2.1"]),
    ("refs/heads/master", NEWEST, ["master", NEWEST]),
    ("refs/heads/rel/1.0", NEWEST, ["rel-1.0", NEWEST]),
    ("refs/heads/rel/2.0", NEWEST, ["rel-2.0", NEWEST]),
]


def send_all(daemon: Daemon) -> list[int]:
    """Every recorded delivery, byte for byte; returns the statuses."""
    statuses = []
    for path in RECORDINGS:
        recorded = json.loads(path.read_text())
        own = {"Host", "Content-Length", "Accept-Encoding"}
        headers = {name: value for name, value in recorded["request"]["headers"].items() if name not in own}
        body = recorded["body_text"].encode()
        assert len(body) == int(recorded["request"]["headers"]["Content-Length"])
        statuses.append(
            httpx.post(f"{daemon.url}/hooks/gogs", content=body, headers=headers, verify=NO_TLS).status_code
        )
    return statuses


def decided(daemon: Daemon, count: int) -> list[dict[str, Any]]:
    """What became of the deliveries, once so many have a decision."""
    found = [line for line in daemon.lines() if line["event"] == "delivery.decided"]
    return found if len(found) >= count else []


def built(daemon: Daemon) -> list[tuple[str, str | None, list[str]]]:
    """What was built: full ref, commit and tags."""
    return [
        (
            f"refs/{'tags' if build['code_repo_type'] == 'tag' else 'heads'}/{build['code_repo_type_value']}",
            build["code_head_commit"],
            build["docker_repo_tags"],
        )
        for build in daemon.builds()
    ]


def test_a_real_gogs_gets_one_build_for_each_new_commit_of_a_branch_or_tag(tmp_path: Path) -> None:
    with running(tmp_path, CONFIG, {"demo.yaml": RULE}) as daemon:
        first = send_all(daemon)
        decisions = eventually(lambda: decided(daemon, first.count(202)))
        builds = built(daemon)
        second = send_all(daemon)
        again = built(daemon)
    assert sorted(builds, key=str) == sorted(WANTED, key=str)
    assert TAG_OBJECT not in str(builds)
    assert (first.count(202), first.count(200)) == (16, 8), "each form repeats what was sent as JSON"
    assert second == [200] * len(RECORDINGS)
    assert again == builds
    assert sorted(one["reason"] for one in decisions if one["state"] == "ignored") == [
        *["Gogs sends a push for every new branch too, and that one counts"] * 4,
        "the branch was removed",
        "the tag was removed",
    ]
    assert {one["state"] for one in decisions} == {"dispatched", "ignored"}


def test_a_tag_whose_object_alone_is_reported_is_built_from_its_commit(tmp_path: Path) -> None:
    origin = Origin(tmp_path / "git")
    sha = origin.commit({"f": "1"})
    origin.push()
    said = {
        "ref": "v1.0.0",
        "ref_type": "tag",
        "sha": origin.tag("v1.0.0"),
        "repository": {"full_name": "alice/demo", "clone_url": origin.url},
    }
    body = json.dumps(said).encode()
    signature = hmac.digest(SECRET.encode(), body, "sha256").hex()
    headers = {"X-Gogs-Event": "create", "X-Gogs-Signature": signature}
    command = ["/bin/sh", "-c", 'echo "$COMMIT is $(git rev-parse HEAD)"']
    here = {"here": {"kind": "local", "command": command, "protocols": ["file"]}}
    with running(tmp_path, CONFIG | {"builders": here}, {"demo.yaml": RULE}) as daemon:
        httpx.post(
            f"{daemon.url}/hooks/gogs", content=body, headers=headers, verify=NO_TLS
        ).raise_for_status()
        eventually(lambda: [build for build in daemon.builds() if build["state"] == "succeeded"])
        log = daemon.command("builds", "log", "acme/demo#1").stdout
        shown = daemon.command("builds", "show", "--json", "acme/demo#1").stdout
    assert said["sha"] != sha
    assert f"{sha} is {sha}" in log
    assert f"the host does not say whether {said['sha']} is a commit" in shown
