"""The page of examples of the API: its lines run as they stand, and both languages have the same ones."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Final

from support.daemon import DUMMY, Daemon, running
from support.needs import needs

import bridge

GUIDES: Final = Path(bridge.__file__).parent / "guides"


def blocks(language: str) -> list[tuple[str, str]]:
    """The lines of shell and what is to be entered, in their order."""
    text = (GUIDES / language / "api.md").read_text("utf-8")
    return re.findall(r"^```sh\n(.*?)^```$|((?:^    [^\n]*\n)+)", text, re.DOTALL | re.MULTILINE)


def test_both_languages_have_the_same_lines() -> None:
    assert blocks("en") == blocks("zh-CN")


SHOP: Final = {
    "namespace": "acme",
    "repo_name": "shop",
    "build_config": {
        "code_repo_client": "Gitee",
        "code_repo_namespace": "acme",
        "code_repo_name": "shop",
        "tag_configs": [
            {"code_repo_type": "branch", "code_repo_type_value": "main", "docker_repo_tag": "latest"}
        ],
    },
}
"""What README's `init` writes a rule for."""


def shell(daemon: Daemon, lines: str, folder: Path) -> subprocess.CompletedProcess[str]:
    made = daemon.command("token", "add", "ci", "--role", "member", "--namespace", "acme", "--json")
    token = re.search(r'"token": ?"([^"]+)"', made.stdout)
    assert token is not None
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", lines],
        capture_output=True,
        text=True,
        timeout=100,
        cwd=folder,
        env=os.environ | {"BRIDGE": daemon.url, "TOKEN": token[1]},
        check=False,
    )


def test_the_lines_run_as_they_stand_beside_the_rule_of_the_readme(tmp_path: Path) -> None:
    for program in ("curl", "jq"):
        needs(program)
    lines = "".join(shell for shell, _ in blocks("en"))
    with running(tmp_path, DUMMY, {"shop.yaml": json.dumps(SHOP)}) as daemon:
        done = shell(daemon, lines, tmp_path)
        refused = shell(daemon, blocks("en")[2][0] + 'api "$BRIDGE/v1/builds?stat=F" | jq .data', tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"version_tagging": 1' in done.stdout
    assert "stable" in done.stdout, "the changed tag configuration"
    assert "data: " in done.stdout
    assert done.stdout.splitlines().count("null") == 1, (
        "no key is wrong: only a page after the last one is null"
    )
    told = done.stderr.splitlines()
    assert all("has ended, or is to end already" in line for line in told), "the end of a run may come first"
    assert refused.returncode != 0
    assert "stat: is not known" in refused.stderr, "why, in words"
