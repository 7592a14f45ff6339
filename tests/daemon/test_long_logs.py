"""One setting limits the log of a build: in the builder's folder, in the store, and in what is said of it."""

import re
from pathlib import Path

from support.daemon import SECRET, running
from support.git import Origin
from support.rules import shop_rule
from support.sending import push_body, send
from support.waiting import eventually

LINES = 40_000


def test_a_log_over_the_limit_keeps_its_beginning_and_its_true_end_and_names_the_setting(
    tmp_path: Path,
) -> None:
    origin = Origin(tmp_path / "git")
    sha = origin.commit({"build.sh": f"seq -f 'line %.0f {'.' * 90}' {LINES}; echo THE END; exit 3"})
    origin.push()
    config = {
        "store": {"log_limit": "1MiB"},
        "sources": {"plain": {"kind": "Simple", "secrets": [SECRET]}},
        "builders": {"here": {"kind": "local", "command": ["sh", "build.sh"], "protocols": ["file"]}},
    }
    with running(tmp_path, config, {"shop.yaml": shop_rule(origin.url)}) as daemon:
        assert send(daemon.url, push_body(origin.url, sha=sha)).status_code == 202
        eventually(lambda: [one for one in daemon.builds() if one["state"] == "failed"])
        printed = daemon.command("builds", "log", "acme/shop#1").stdout
    (mark,) = re.findall(r".*are left out here.*\n", printed)
    left_out = re.fullmatch(
        r"\.\.\. (\d+) bytes are left out here: the log is over store\.log_limit, 1 MiB\n", mark
    )
    assert left_out
    before, after = printed.split(mark)
    head = before[before.index("line 1 ") :].removesuffix("\n")
    tail = after.removesuffix("failed: sh failed with exit code 3\n")
    output = "".join(f"line {number} {'.' * 90}\n" for number in range(1, LINES + 1)) + "THE END\n"
    assert output.startswith(head)
    assert output.endswith(f"\n{tail}")
    assert len(output) - (len(head) + int(left_out[1]) + len(tail)) in {0, 1}, "a line end may be taken off"
    assert len(printed) < 1 << 20
