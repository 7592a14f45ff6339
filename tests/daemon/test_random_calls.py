"""Random calls of all that the OpenAPI document has: none breaks the daemon, and each answer is as it says.

`CALLS` is how many for each operation besides those at the limits of each value, `CALLS_SEED` makes others.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
from support.daemon import DUMMY, TOKEN, Daemon, running
from support.rules import shop_rule
from support.sending import push_body, send
from support.waiting import eventually

from bridge.web.api.codearts.ids import build_project_id_of, job_id_of, project_id_of

CALLS: Final = os.environ.get("CALLS", "3")
SEED: Final = os.environ.get("CALLS_SEED", "1")
URL = "https://git.example.com/shop.git"
RULE = shop_rule(URL, public=True)
KEY = ("acme", "shop")
ACCEPTED: Final = ["2xx", 304, 400, 401, 403, 404, 409, 412, 422]
OPEN: Final = [
    "GET /v1/deliveries",
    "GET /v1/messages",
    "GET /v1/notices",
    "GET /v1/record/{build_project_id}/records",
    "GET /v1/record/{build_project_id}/statistics",
    "GET /v1/record/{job_id}/list",
    "GET /v3/jobs/{job_id}/build-info-records",
    "GET /v3/jobs/{job_id}/period-history",
    "GET /v3/jobs/{job_id}/success-ratio",
    "POST /alauda/v1/builds",
    "POST /alauda/v1/repositories/{namespace}",
    "POST /v1/builds",
    "POST /v1/explain",
    "POST /v1/job/check/webhook-url",
    "POST /v1/job/create",
    "POST /v1/job/execute",
    "POST /v1/job/update",
    "POST /v1/repositories/{namespace}",
    "POST /v1/silences",
    "POST /v1/tokens",
    "POST /v3/jobs/build",
    "POST /v3/jobs/notice/{job_id}/update",
    "POST /v3/jobs/create",
    "POST /v3/jobs/update",
    "PUT /v1/job/{job_id}/notice",
]
"""Where more is asked than a schema can say: days that there are, what rules and channels have, a name that
needs another beside it, one of several."""


def known(daemon: Daemon) -> dict[str, list[str | int]]:
    """What there is, by the names of parameters."""
    (build,) = eventually(lambda: daemon.builds(state="succeeded"))
    (notice, *_) = eventually(lambda: daemon.api("/v1/notices?state=sent")["results"])
    return {
        "build_id": [build["build_id"], 1],
        "record_id": [build["build_id"]],
        "delivery_id": [build["delivery_id"]],
        "notice_id": [notice["id"]],
        "namespace": [KEY[0]],
        "owner": [KEY[0]],
        "repo_name": [KEY[1]],
        "name": [KEY[1]],
        "job_id": [job_id_of(KEY)],
        "project_id": [project_id_of(KEY[0])],
        "build_project_id": [build_project_id_of(KEY)],
        "tag": ["latest"],
        "number": [1],
        "build_no": [1],
        "build_number": [1],
        "job": [1],
    }


def settings(values: dict[str, list[str | int]]) -> str:
    """The configuration of the caller: what there is comes often, where the rules decide is said."""
    lines = [
        "continue-on-failure = true",
        "warnings.enabled = false",
        f'headers.Authorization = "Bearer {TOKEN}"',
        f'headers.X-Auth-Token = "{TOKEN}"',
        # Who may call what has a test of its own, which knows that one good proof of several is enough.
        "checks.ignored_auth.enabled = false",
        # The same Idempotency-Key comes with other requests, too.
        "checks.positive_data_acceptance.expected-statuses = ['2xx', 304, 401, 403, 404, 409, 412, 422]",
    ]
    lines += [f"dictionaries.{name}.values = {json.dumps(some)}" for name, some in values.items()]
    lines += [f'parameters.{name} = {{dictionary = "{name}", probability = 0.7}}' for name in values]
    # A stream of events has no end: it has tests of its own.
    lines += ["[[operations]]", "include-path = '/v1/events'", "enabled = false"]
    # CodeArts takes numbers for texts, since its manual writes some of them both ways.
    lines += ["[[operations]]", "include-tag = 'codearts'"]
    lines += ["checks.negative_data_rejection.expected-statuses = ['2xx', 400, 401, 404, 405, 409, 415, 422]"]
    for name in OPEN:
        lines += ["[[operations]]", f'include-name = "{name}"']
        lines += [f"checks.positive_data_acceptance.expected-statuses = {ACCEPTED}"]
    return "\n".join(lines)


@pytest.mark.timeout(1800)
def test_no_call_breaks_the_daemon_and_each_answer_is_documented(tmp_path: Path) -> None:
    with running(tmp_path, DUMMY, {"shop.yaml": RULE}) as daemon:
        send(daemon.url, push_body(URL))
        config = tmp_path / "schemathesis.toml"
        config.write_text(settings(known(daemon)))
        program = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(config), "run"]
        done = subprocess.run(
            [*program, f"{daemon.url}/openapi.json", "--max-examples", CALLS, "--seed", SEED],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            check=False,
            # What measures the coverage of the daemon would slow its client.
            env={name: text for name, text in os.environ.items() if not name.startswith("COVERAGE")},
        )
        assert done.returncode == 0, done.stdout + done.stderr
        called = re.search(r"(\d+) generated", done.stdout)
        assert called is not None
        assert int(called[1]) > 4000 + 50 * int(CALLS)
        assert [line for line in daemon.lines() if line["level"] in {"error", "critical"}] == []
        assert daemon.stop() == 0
