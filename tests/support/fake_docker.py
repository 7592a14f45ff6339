"""A stand-in for docker that says when each step begins, waits or fails."""

import shlex
from pathlib import Path

IMAGE = "registry.example.com:5000/acme/shop"
DIGEST = f"sha256:{'ab' * 32}"
ANSWER = f"""echo '["registry.example.com:5000/other@sha256:no", "{IMAGE}@{DIGEST}"]'"""


class Docker:
    """A stand-in for docker: `calls` has the arguments of each call, one call a line."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "calls"

    def does(self, *, build: str = ":", push: str = ":", inspect: str = ANSWER, rm: str = ":") -> None:
        """What the calls run, as shell scripts; `$2` of a push is the image."""
        program = self.folder / "docker"
        program.write_text(
            f"""#!/bin/sh
            echo "$*" >> {shlex.quote(str(self.log))}
            case "$1 $2" in
                build*) {build} ;;
                push*) {push} ;;
                "image inspect") {inspect} ;;
                "image rm") {rm} ;;
            esac
            """
        )
        program.chmod(0o755)

    def calls(self, start: str) -> list[str]:
        return [line for line in self.log.read_text().splitlines() if line.startswith(start)]
