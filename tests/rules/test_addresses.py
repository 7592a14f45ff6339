"""Where the code of a rule is, as its source says it before any push does."""

from pathlib import Path
from typing import Any

import pytest

from bridge.config.loader import load_config
from bridge.registry import FORGES, KINDS
from bridge.rules.checking import Names
from bridge.rules.lending import repository_at
from bridge.rules.loader import load_rules
from bridge.rules.sources import Sources

SECRET = "a-long-secret-of-a-webhook"
CLONE = ", clone: {{url: '{url}', username: bot, token: a-long-token-of-the-bot}}"
KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n"
POLLED = ", poll: 1m"
RULE = """
namespace: acme
repo_name: shop
build_config:
  code_repo_client: {kind}
  code_repo_namespace: acme
  code_repo_name: shop{more}
  tag_configs: [{{code_repo_type: branch, code_repo_type_value: main, docker_repo_tag: latest}}]
"""


def names(folder: Path, kind: str, source: str) -> Names:
    file = folder / "bridge.yaml"
    file.write_text(f"sources: {{hub: {{kind: {kind}{source}}}}}\nbuilders: {{none: {{kind: dummy}}}}\n")
    return Names.of(load_config(file, KINDS, {}), KINDS)


def made(folder: Path, kind: str, source: str, path: str = "acme/shop") -> str | None:
    found: Sources = names(folder, kind, source).sources
    return found.made_address("hub", path)


@pytest.mark.parametrize("kind", sorted(FORGES.keys() - {"Simple"}))
def test_a_host_of_your_own_has_the_code_where_its_kind_has_it_or_it_is_not_known(
    tmp_path: Path, kind: str
) -> None:
    base = "https://git.example.com"
    others = {"BitbucketServer": f"{base}/scm/acme/shop.git", "AzureDevOps": None, "Harness": None}
    found = made(tmp_path, kind, POLLED + CLONE.format(url=base))
    assert found == others.get(kind, f"{base}/acme/shop.git")
    if found is not None:  # such that what the source lends may be used there
        assert repository_at(found, FORGES[kind].traits.clone_path) == "acme/shop"


@pytest.mark.parametrize(
    ("kind", "source", "address"),
    [
        ("GitHub", POLLED, "https://github.com/acme/shop.git"),
        ("GitLab", POLLED, "https://gitlab.com/acme/shop.git"),
        ("Gitee", POLLED, "https://gitee.com/acme/shop.git"),
        ("Bitbucket", POLLED, "https://bitbucket.org/acme/shop.git"),
        ("Gitea", POLLED, None),
        # Its first webhook says where the host is.
        ("GitLab", f"{POLLED}, secrets: [{SECRET}]", None),
        ("GitLab", f", secrets: [{SECRET}]", None),
    ],
)
def test_without_webhooks_the_host_is_the_one_that_everyone_uses(
    tmp_path: Path, kind: str, source: str, address: str | None
) -> None:
    assert made(tmp_path, kind, source) == address


def test_a_path_over_ssh_is_not_made_where_the_kind_has_another_one(tmp_path: Path) -> None:
    given: dict[str, Any] = {"key": tmp_path / "key", "hosts": tmp_path / "hosts"}
    given["key"].write_text(KEY)
    given["hosts"].write_text(
        "git.example.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f\n"
    )
    ssh = (
        f"{POLLED}, clone: {{url: 'https://git.example.com', ssh_key: {{file: {given['key']}}}, "
        f"known_hosts: {{file: {given['hosts']}}}}}"
    )
    assert made(tmp_path, "BitbucketServer", ssh) is None
    assert made(tmp_path, "Gitea", ssh) == "https://git.example.com/acme/shop.git"


@pytest.mark.parametrize(
    ("kind", "source", "more", "warned"),
    [
        ("Gitea", POLLED, "", True),
        ("AzureDevOps", POLLED, "", True),
        ("Gitea", f"{POLLED}, secrets: [{SECRET}]", "", True),
        ("Gitea", f", secrets: [{SECRET}]", "", False),
        ("Gitea", POLLED, "\n  code_repo_clone_url: https://git.example.com/acme/shop.git", False),
        ("Gitea", POLLED + CLONE.format(url="https://git.example.com"), "", False),
        ("GitHub", POLLED, "", False),
    ],
)
def test_a_rule_whose_pushes_are_looked_for_at_no_address_is_warned_of(
    tmp_path: Path, kind: str, source: str, more: str, *, warned: bool
) -> None:
    (tmp_path / "rule.yaml").write_text(RULE.format(kind=kind, more=more))
    found = load_rules([tmp_path / "rule.yaml"], names(tmp_path, kind, source))
    problem = (
        "pushes to hub are looked for (poll), and nothing says where its code is: add code_repo_clone_url"
    )
    assert [one.problem for one in found.warnings] == ([problem] if warned else [])
