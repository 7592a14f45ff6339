"""Stand-ins for docker and buildctl that say when each step begins, waits or fails."""

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


class Buildctl:
    """A stand-in for buildctl, which rejects what its documents do not have.

    `calls` has the arguments of each call; a build that pushes tells the digest as the real one does.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._log = folder / "buildctl.calls"

    def does(self, *, build: str = ":", push: str = ":", workers: str = ":", digest: str = DIGEST) -> None:
        """What the calls run, as shell scripts; `$context` is the folder that is built."""
        program = self._folder / "buildctl"
        program.write_text(
            f"""#!/bin/sh
            printf '%s\\037' "$@" >>{shlex.quote(str(self._log))}; echo >>{shlex.quote(str(self._log))}
            until test "$1" = build -o "$1" = debug; do
                case "$1" in
                    --addr|--tlsdir) shift 2 ;;
                    *) echo "flag provided but not defined: $1" >&2; exit 1 ;;
                esac
            done
            if test "$1 $2" = "debug workers"; then {workers}; exit; fi
            shift
            while test $# -gt 0; do
                case "$1" in
                    --local) case "$2" in context=*) context="${{2#context=}}" ;; esac ;;
                    --metadata-file) metadata="$2" ;;
                    --output) output="$2" ;;
                    --progress|--frontend|--opt|--export-cache|--import-cache) ;;
                    *) echo "flag provided but not defined: $1" >&2; exit 1 ;;
                esac
                shift 2
            done
            case "$output" in
                "") {build} ;;
                *push=true*) {push}; echo '{{"containerimage.digest": "{digest}"}}' >"$metadata" ;;
            esac
            """
        )
        program.chmod(0o755)

    def calls(self) -> list[list[str]]:
        return [line.split("\037")[:-1] for line in self._log.read_text().split("\n") if line]
