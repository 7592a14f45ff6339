"""A script from before: it calls `/v1/builds` with the number of a build, and reads the envelope."""

import subprocess
import sys
from pathlib import Path
from typing import Final

from support.daemon import DUMMY, running
from support.rules import shop_rule
from support.sending import push_body, send
from support.waiting import eventually

URL = "https://git.example.com/shop.git"
SCRIPT: Final = r"""
import sys
import requests

API = sys.argv[1] + "/v1/builds"

def call(url):
    answer = requests.get(url).json()
    assert answer["code"] == 0, answer["msg"]
    return answer["data"]

(build,) = call(API + "?namespace=acme&build_id=1&repo_name=shop")["results"]
print(build["number"], build["status"], build["docker_repo_tag"])
print(call(API)["count"], call(API + "?namespace=acme&build_id=2&repo_name=sss/ttt")["results"])
print(requests.get(API + "?build_id=2").json()["code"])
"""


def test_a_script_of_the_envelope_api_runs_unchanged(tmp_path: Path) -> None:
    with running(tmp_path, DUMMY, {"shop.yaml": shop_rule(URL, public=True)}) as daemon:
        send(daemon.url, push_body(URL))
        eventually(lambda: daemon.builds(state="succeeded"))
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, daemon.url],
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
    assert done.stderr == ""
    assert done.stdout.splitlines() == ["1 S latest", "1 []", "400"]
