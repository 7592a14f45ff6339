"""Where `init --service` puts things: as `systemd/buildbridge.service` looks for them."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Final

from bridge.cli.scaffold import File, Scaffold

CONFIG: Final = "etc/buildbridge"
CREDENTIALS: Final = f"{CONFIG}/credentials"
DROP_IN: Final = "etc/systemd/system/buildbridge.service.d/credentials.conf"
_UNITS: Final = ("etc/systemd/system", "usr/lib/systemd/system", "lib/systemd/system")
_SECRET: Final = re.compile(r"\{file: secrets/([\w-]+)\}")
_STORE: Final = re.compile(r"^  url: sqlite:///\./.*$", re.MULTILINE)
_ABOUT: Final = re.compile(r"^# Secrets stand in files of their own:.*\n#.*\n", re.MULTILINE)
_ABOUT_CREDENTIALS: Final = """\
# Secrets are credentials of systemd: {credential: name} is the file credentials/name beside this one.
# The drop-in credentials.conf of the unit names each; only the service gets them.
"""
_LOADS: Final = """\
# Written by `buildbridge init`: the secrets that bridge.yaml names as {credential: NAME}.
[Service]
"""


def as_service(made: Scaffold) -> Scaffold:
    """The same below the root of the machine: credentials, and the store in /var/lib."""
    files = {
        _moved(name): _changed(name, file) for name, file in made.files.items() if name[-10:] != ".gitignore"
    }
    names = [Path(name).name for name in files if Path(name).parent == Path(CREDENTIALS)]
    files[DROP_IN] = File((_LOADS + "".join(map(load_line, names))).encode())
    return replace(
        made,
        files=files,
        samples={_moved(path): sample for path, sample in made.samples.items()},
        to_fill=[_moved(path) for path in made.to_fill],
        secrets=CREDENTIALS,
        config=f"{CONFIG}/bridge.yaml",
    )


def load_line(name: str) -> str:
    """The line of the drop-in for one credential."""
    return f"LoadCredential={name}:/{CREDENTIALS}/{name}\n"


def has_unit(root: Path) -> bool:
    """Whether the unit is installed, by a package or by hand."""
    return any((root / folder / "buildbridge.service").exists() for folder in _UNITS)


def start_commands(root: Path, *, local: bool) -> list[str]:
    """What remains to be done as root, from the folder of the sources."""
    system = root / "etc/systemd/system"
    user = "id -u buildbridge || useradd --system --create-home buildbridge"
    program = (
        "python3 -m venv /opt/buildbridge && /opt/buildbridge/bin/pip install -c deploy/constraints.txt ."
    )
    copied = f"cp systemd/buildbridge.service systemd/buildbridge.socket {system}/"
    drop_in = f"cp systemd/local-builder.conf {system}/buildbridge.service.d/"
    return [
        *([] if has_unit(root) else [program, copied]),
        *([user, drop_in] if local else []),
        "systemctl daemon-reload",
        "systemctl enable --now buildbridge.socket buildbridge.service",
    ]


def _moved(name: str) -> str:
    return f"{CREDENTIALS}/{name[8:]}" if name.startswith("secrets/") else f"{CONFIG}/{name}"


def _changed(name: str, file: File) -> File:
    if name != "bridge.yaml":
        return file
    text = _ABOUT.sub(_ABOUT_CREDENTIALS, file.content.decode())
    text = _STORE.sub("  url: sqlite:///var/lib/buildbridge/bridge.db", text)
    return File(_SECRET.sub(r"{credential: \1}", text).encode(), file.mode)
