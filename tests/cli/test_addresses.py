"""Commands that show one record print the address of its page, where the bridge has one."""

from pathlib import Path

import pytest
from support.daemon import DUMMY, Daemon, running
from support.rules import shop_rule
from support.sending import push_body, send
from support.waiting import eventually

URL = "https://git.example.com/shop.git"


@pytest.mark.parametrize("public_url", ["https://bridge.example.com", None])
def test_one_record_has_the_address_of_its_page(public_url: str | None, tmp_path: Path) -> None:
    config = {
        **DUMMY,
        "builders": {"here": {"kind": "dummy", "duration": "10ms"}},
        "server": {"public_url": public_url} if public_url else {},
    }
    with running(tmp_path, config, {"shop.yaml": shop_rule(URL)}) as daemon:
        delivery = send(daemon.url, push_body(URL)).json()["id"]
        build = built(daemon)
        (notice, *_) = daemon.command("notices", "list", "--json").documents
        for verb, path in (
            (["builds", "show", build], f"/builds/{build}"),
            (["deliveries", "show", delivery], f"/deliveries/{delivery}"),
            (["notices", "show", notice["id"]], f"/notices/{notice['id']}"),
        ):
            (document,) = daemon.command(*verb, "--json").documents
            assert document.get("page") == (f"{public_url}{path}" if public_url else None)
            assert (f"{public_url}{path}" in daemon.command(*verb).stdout) is bool(public_url)


def built(daemon: Daemon) -> str:
    """The id of the build, once it has ended, and so has notices."""
    found: str = eventually(lambda: daemon.builds(state="succeeded"))[0]["build_id"]
    return found
