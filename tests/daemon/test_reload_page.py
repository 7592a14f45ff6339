"""The page of a reload that changes what the pages themselves are made of."""

from pathlib import Path

import httpx
import yaml
from support.daemon import DUMMY, NO_TLS, TOKEN, running

TRUSTED = {"authorization": f"Bearer {TOKEN}", "accept-language": "en"}


def test_a_reload_that_changes_the_pages_themselves_is_answered(tmp_path: Path) -> None:
    with (
        running(tmp_path, DUMMY, {}) as daemon,
        httpx.Client(base_url=daemon.url, headers=TRUSTED, verify=NO_TLS) as client,
    ):
        assert client.get("/health").status_code == 200
        config = yaml.safe_load(daemon.config.read_text())
        config["builders"]["there"] = {"kind": "dummy"}
        daemon.config.write_text(yaml.safe_dump(config))
        done = client.post("/health/reload", data={"once": "a-form-of-the-tests"})
        assert done.status_code == 303
        assert client.get(done.headers["location"]).status_code == 200
        assert "there" in client.get("/health").text
