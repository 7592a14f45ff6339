"""The running daemon, as commands on the same machine ask it: by its socket file, without a token."""

import http.client
import socket
import sys
from typing import Any, Final, NoReturn
from urllib.parse import quote

import click
import orjson

from bridge.cli import show
from bridge.cli.speech import reader, reason
from bridge.config.outline import Outline
from bridge.runtime.local_socket import connect_locally

through_daemon_option = click.option(
    "--through-daemon",
    is_flag=True,
    help="Have the running daemon test it: it has the secrets that only the service can read.",
)
_SECONDS: Final = 60.0
_OK: Final = 200


class _Connection(http.client.HTTPConnection):
    """HTTP through the socket file of a daemon."""

    def __init__(self, connection: socket.socket) -> None:
        super().__init__("localhost")
        self.sock = connection


def ask(config: Outline, method: str, path: str) -> tuple[int, Any]:
    """Status and document of the answer of the daemon that has this store. Raises ClickException."""
    file = config.socket_file
    try:
        with connect_locally(file, _SECONDS) as opened:
            connection = _Connection(opened)
            wanted = {"accept": "application/json", "accept-language": reader().language}
            connection.request(method, path, headers=wanted)
            answer = connection.getresponse()
            return answer.status, orjson.loads(answer.read())
    except (FileNotFoundError, ConnectionRefusedError):
        why = (
            f"no daemon has the store {config.store_name} now: start it, or restart one that has that of "
            "another store.url"
        )
    except PermissionError:
        why = f"{file}: only the user of the daemon, or root, may ask it: become that user"
    except TimeoutError:
        why = f"the daemon did not answer within {_SECONDS:.0f} s: see its log"
    except (OSError, http.client.HTTPException, ValueError) as error:
        why = f"the daemon did not answer ({type(error).__name__}: {error}): see its log"
    raise click.ClickException(why)


def test_through_daemon(config: Outline, parts: str, name: str) -> NoReturn:
    """Have the daemon test one of its `builders` or `channels`, print what came of it, and exit."""
    status, answer = ask(config, "POST", f"/v1/{parts}/{quote(name, safe='')}/test")
    if status != _OK:
        raise click.ClickException(show.plain(answer["msg"]))
    worked: bool = answer["data"]["worked"]
    click.echo(show.plain(reason(answer["data"]["said"])), err=not worked)
    sys.exit(0 if worked else 1)
