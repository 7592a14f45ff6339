"""A real SSH server on loopback, as an ordinary process with keys of its own."""

import getpass
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from support.needs import needs
from support.ports import free_port

_CONFIG = """
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host
AuthorizedKeysFile {folder}/authorized_keys
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
"""


@dataclass(frozen=True, slots=True)
class SshServer:
    """`key` opens it, and `known_hosts` has its own key; `stranger` is a key that it does not take."""

    port: int
    key: str
    known_hosts: str
    stranger: str

    def url(self, path: Path) -> str:
        return f"ssh://{getpass.getuser()}@127.0.0.1:{self.port}{path}"


@contextmanager
def serve_ssh(folder: Path) -> Iterator[SshServer]:
    """Serve the files of this user; `folder` gets the keys."""
    # Only its whole path starts it; for many users it is not on the path.
    program = shutil.which("sshd") or needs("/usr/sbin/sshd")
    folder.mkdir()
    for name in ("host", "deploy", "stranger"):
        make_key(folder / name)
    (folder / "authorized_keys").write_text((folder / "deploy.pub").read_text())
    port = free_port()
    (folder / "sshd_config").write_text(_CONFIG.format(port=port, folder=folder))
    if os.geteuid() == 0:
        # A server that root starts wants this empty folder, which the system makes for its own one.
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    with subprocess.Popen(
        [program, "-D", "-e", "-f", str(folder / "sshd_config")], stderr=subprocess.PIPE
    ) as server:
        try:
            assert server.stderr is not None
            said = b""
            while b"listening on" not in (line := server.stderr.readline()):
                said += line
                assert line, f"sshd ended: {said.decode()}"
            kind, key = (folder / "host.pub").read_text().split()[:2]
            yield SshServer(
                port=port,
                key=(folder / "deploy").read_text(),
                known_hosts=f"[127.0.0.1]:{port} {kind} {key}\n",
                stranger=(folder / "stranger").read_text(),
            )
        finally:
            server.terminate()


def make_key(path: Path, passphrase: str = "") -> None:
    command = [needs("ssh-keygen"), "-q", "-t", "ed25519", "-N", passphrase, "-f", str(path)]
    subprocess.run(command, check=True, timeout=30)
