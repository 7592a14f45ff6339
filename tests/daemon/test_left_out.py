"""A build whose checkout lacks something says so where people look."""

from pathlib import Path

from support.daemon import SECRET, running
from support.git import Origin, git, pointer
from support.local_site import pushed
from support.sending import push_body, send
from support.waiting import eventually

SUBMODULES = "submodules are left out (lib): set `submodules: true` on the builder"
POINTERS = "1 file is left as pointers of Git LFS (logo.png): set `lfs: true` on the builder"


def test_what_a_build_lacks_stands_in_its_log_and_its_timeline(tmp_path: Path) -> None:
    origin = Origin(tmp_path / "origin")
    (origin.work / ".gitmodules").write_text('[submodule "lib"]\n\tpath = lib\n\turl = ../lib\n')
    git(origin.work, "update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},lib")
    (origin.work / "lib").mkdir()
    sha = pushed(origin, {".gitattributes": "*.png filter=lfs\n", "logo.png": pointer(b"the logo")})
    rule = f"""
namespace: acme
repo_name: shop
build_config:
  code_repo_client: Simple
  code_repo_clone_url: {origin.url}
  tag_configs:
    - {{code_repo_type: branch, code_repo_type_value: "**", docker_repo_tag: "{{branch}}"}}
"""
    config = {
        "sources": {"plain": {"kind": "Simple", "secrets": [SECRET]}},
        "builders": {"here": {"kind": "local", "command": ["ls"], "protocols": ["file"]}},
    }
    with running(tmp_path, config, {"shop.yaml": rule}) as daemon:
        assert send(daemon.url, push_body(origin.url, sha=sha)).status_code == 202
        eventually(lambda: [build for build in daemon.builds() if build["state"] == "succeeded"])
        shown = daemon.command("builds", "show", "acme/shop#1").stdout
        log = daemon.command("builds", "log", "acme/shop#1").stdout
    assert f"{SUBMODULES}; {POINTERS}" in shown.partition("succeeded")[2]
    assert f"\n{SUBMODULES}\n{POINTERS}\n" in log
