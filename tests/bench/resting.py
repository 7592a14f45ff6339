"""Memory at rest, also after the very first start, and the time from the start to the first good answer."""

import argparse
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import orjson

sys.path.append(str(Path(__file__).parents[1]))  # the tests' own packages, as pytest finds them

from bench.harness import SECRET, folder_on_disk, free_port, healthy_after, median, running, table

MAX_MIB = 80
PATTERNS_MIB = 3
"""What patterns of refs may take besides: RE2 is loaded for the first one."""
RULE = """
namespace: acme
repo_name: shop
build_config:
  code_repo_client: Gitee
  code_repo_namespace: acme
  code_repo_name: shop
  tag_configs:
    - {{code_repo_type: branch, code_repo_type_value: "{branch}", docker_repo_tag: latest}}
"""
MAX_SECONDS = 1.5
_SETTLE_SECONDS = 3


def settings(folder: Path, port: int) -> dict[str, Any]:
    """A Jenkins, local builds and four channels besides the messages in the app."""
    robot = "https://robot.example.com/send"
    return {
        "server": {"port": port},
        "store": {"url": f"sqlite://{folder}/bridge.db"},
        "sources": {kind.lower(): {"kind": kind, "secrets": [SECRET]} for kind in ("GitHub", "Gitee")},
        "builders": {
            "jenkins": {"kind": "jenkins", "url": "https://ci.example.com", "job": "docker/build"}
            | {"username": "bridge", "token": "a-token-of-the-benchmark"},
            "here": {"kind": "local", "command": ["true"]},
        },
        "channels": {
            "team": {"kind": "DING_TALK", "url": f"{robot}?access_token=0"},
            "others": {"kind": "DING_TALK", "url": f"{robot}?access_token=0"},
            "ops": {"kind": "WECOM", "url": f"{robot}?key=0"},
            "mail": {"kind": "MAIL", "host": "smtp.example.com", "to": ["team@example.com"]}
            | {"from": "CI <ci@example.com>"},
        },
    }


def start(folder: Path, *, rest: bool, branch: str = "main") -> tuple[float, float]:
    """Start once: seconds until it answers, and MiB of resident memory, after a while if it is to `rest`."""
    port = free_port()
    (folder / "rules").mkdir(exist_ok=True)
    (folder / "rules" / "shop.yaml").write_text(RULE.format(branch=branch))
    (folder / "bridge.yaml").write_bytes(orjson.dumps(settings(folder, port)))
    argv = [sys.executable, "-m", "bridge", "--config", f"{folder}/bridge.yaml", "serve"]
    begun = time.monotonic()
    with running(argv, port, folder / "log", folder) as process:
        seconds = healthy_after(begun, port)
        if rest:
            time.sleep(_SETTLE_SECONDS)  # rest is what is measured
        status = Path(f"/proc/{process.pid}/status").read_text()
        kib = next(line for line in status.splitlines() if line.startswith("VmRSS:")).split()[1]
        return seconds, int(kib) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=Path("/var/tmp"), help="on the disk to measure")
    options = parser.parse_args()
    with folder_on_disk(options.folder) as folder:
        _, first = start(folder, rest=True)
        times = [start(folder, rest=False)[0] for _ in range(options.rounds)]
        _, memory = start(folder, rest=True)
        _, patterns = start(folder, rest=True, branch="release/*")
    rows = [
        ["start to ready, s (median)", f"{median(times):.2f}", f"{MAX_SECONDS:.2f}"],
        ["memory at rest, MiB", f"{memory:.1f}", f"{MAX_MIB:.1f}"],
        ["the same after the very first start", f"{first:.1f}", f"{MAX_MIB:.1f}"],
        ["the same with a pattern of branches", f"{patterns:.1f}", f"{MAX_MIB + PATTERNS_MIB:.1f}"],
    ]
    print(table(["", "measured", "at most"], rows))  # noqa: T201  # its output
    if median(times) > MAX_SECONDS or max(memory, first, patterns - PATTERNS_MIB) > MAX_MIB:
        sys.exit(1)


if __name__ == "__main__":
    try:
        main()
    except (RuntimeError, TimeoutError, subprocess.SubprocessError) as error:
        sys.exit(str(error))
