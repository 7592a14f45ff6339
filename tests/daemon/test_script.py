"""A script from before: it calls `/v1/builds` with the number of a build, and reads the envelope."""

import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from support.daemon import SECRET, running
from support.sending import push_body, send

URL = "https://git.example.com/shop.git"
CONFIG: dict[str, Any] = {
    "sources": {"plain": {"kind": "Simple", "secrets": [SECRET]}},
    "builders": {"here": {"kind": "dummy"}},
}
RULE = f"""
namespace: zhwenh
repo_name: tomcat
is_public: true
build_config:
  code_repo_client: Simple
  code_repo_clone_url: "{URL}"
  tag_configs:
    - {{code_repo_type: branch, code_repo_type_value: main, docker_repo_tag: latest}}
"""
SCRIPT: Final = r"""
import sys, time
import requests

API = sys.argv[1] + "/v1/builds"

def call(url):
    answer = requests.get(url).json()
    assert answer["code"] == 0, answer["msg"]
    return answer["data"]

for _ in range(600):
    builds = call(API + "?namespace=zhwenh&build_id=1&repo_name=tomcat")["results"]
    if builds and builds[0]["status"] in "SF":
        break
    time.sleep(0.1)
(build,) = builds
print(build["number"], build["status"], build["docker_repo_tag"])
print(call(API)["count"], call(API + "?namespace=zhwenh&build_id=2&repo_name=sss/ttt")["results"])
print(requests.get(API + "?build_id=2").json()["code"])
"""


def test_a_script_of_the_envelope_api_runs_unchanged(tmp_path: Path) -> None:
    with running(tmp_path, CONFIG, {"tomcat.yaml": RULE}) as daemon:
        send(daemon.url, push_body(URL))
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, daemon.url],
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
    assert done.stderr == ""
    assert done.stdout.splitlines() == ["1 S latest", "1 []", "400"]
