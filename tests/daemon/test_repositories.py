"""A repository that is made by API is built by the next push, and gone with the call that deletes it."""

from pathlib import Path
from typing import Any

import httpx
from support.daemon import DUMMY, NO_TLS, TOKEN, Daemon, running
from support.sending import push_body, send
from support.waiting import eventually

URL = "https://git.example.com/shop.git"
SHOP = {
    "repo_name": "shop",
    "build_config": {
        "code_repo_client": "Simple",
        "code_repo_clone_url": URL,
        "tag_configs": [
            {"code_repo_type": "branch", "code_repo_type_value": "main", "docker_repo_tag": "latest"}
        ],
    },
}


def decided(daemon: Daemon, delivery_id: str) -> dict[str, Any]:
    """The delivery once the rules have decided about it."""

    def look() -> list[dict[str, Any]]:
        return [one for one in [daemon.api(f"/v1/deliveries/{delivery_id}")] if one["state"] != "stored"]

    (found,) = eventually(look)
    return found


def test_a_repository_of_the_api_is_built_by_the_next_push(tmp_path: Path) -> None:
    headers = {"authorization": f"Bearer {TOKEN}"}
    with running(tmp_path, DUMMY, {}) as daemon, httpx.Client(headers=headers, verify=NO_TLS) as client:
        assert "no rules here: nothing will be built" in daemon.output()
        made = client.post(f"{daemon.url}/v1/repositories/acme", json=SHOP)
        assert made.status_code == 201, made.text
        first = decided(daemon, send(daemon.url, push_body(URL)).json()["id"])
        assert [build["repo_name"] for build in first["builds"]] == ["shop"]

        daemon.kill()
        daemon.start()
        assert daemon.output().count("nothing will be built") == 1
        again = client.get(f"{daemon.url}/v1/repositories/acme/shop").json()
        assert again == made.json(), "with the same ids"

        gone = client.delete(f"{daemon.url}/v1/repositories/acme/shop")
        assert gone.status_code == 200
        late = send(daemon.url, push_body(URL, sha="f" * 40), "msg-2").json()["id"]
        assert decided(daemon, late)["state"] == "ignored"
        assert daemon.builds()[0]["repo_name"] == "shop", "its builds stay"
