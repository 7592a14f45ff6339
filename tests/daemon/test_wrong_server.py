"""A build that waits for a server with a bad certificate says so."""

from pathlib import Path
from typing import Any

from support.daemon import SECRET, running
from support.sending import push_body, send
from support.waiting import eventually
from support.wrong_servers import FAULTS, NAME, answering, builder_at, certified

URL = "https://git.example.com/acme/shop.git"
RULE = f"""
namespace: acme
repo_name: shop
build_config:
  code_repo_client: Simple
  code_repo_clone_url: {URL}
  tag_configs:
    - {{code_repo_type: branch, code_repo_type_value: "**", docker_repo_tag: "{{branch}}"}}
"""


def test_the_timeline_of_a_build_names_the_fault_of_the_certificate(tmp_path: Path) -> None:
    context, ca_file = certified("expired", tmp_path)
    with answering(b"", context) as port:
        config: dict[str, Any] = {
            "sources": {"plain": {"kind": "Simple", "secrets": [SECRET]}},
            "builders": {"ci": builder_at("jenkins", f"https://{NAME}:{port}", ca_file=ca_file)},
        }
        with running(tmp_path, config, {"shop.yaml": RULE}) as daemon:
            assert send(daemon.url, push_body(URL)).status_code == 202
            eventually(lambda: any("certificate" in build["detail"] for build in daemon.builds()))
            shown = daemon.command("builds", "show", "acme/shop#1").stdout
    assert f"the certificate of Jenkins {FAULTS['expired']}" in shown
    assert "ca_file" not in shown
