"""The command line."""

import os
import sys
from typing import Final, NoReturn

import click

from bridge.cli import without_rich  # noqa: F401  # before the others, see there
from bridge.cli.root import root
from bridge.cli.speech import begin, error_lines, reason, tell
from bridge.errors import BridgeError, StoreReplaced

PROGRAM: Final = "buildbridge"
_REPLACED: Final = 3


def main() -> None:
    """Run a command. An expected error is one line on stderr that says what to do, without a traceback.

    Exits 0 on success, 1 on failure, 2 on wrong use, 3 when the file of the store was taken away from the
    daemon, 4 when what is waited for has not ended in time, 78 when the daemon needs other settings or
    another release to start, 130 when interrupted.
    """
    begin()
    try:
        root(prog_name=PROGRAM, standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        click.echo(_advice(error), err=True)
        sys.exit(error.exit_code)
    except click.exceptions.Exit as error:
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except BrokenPipeError:
        _reader_left()
    except BridgeError as error:
        fail(error)
    except BaseExceptionGroup as group:
        # Rich exits where a pipe is broken, which a group holds like any other exception.
        if group.subgroup((BrokenPipeError, SystemExit)) is not None:
            _reader_left()
        expected, unexpected = group.split(BridgeError)
        if expected is None or unexpected is not None:
            raise
        fail(*leaves(expected))


def _advice(error: click.ClickException) -> str:
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        return error.format_message()
    line = " ".join(error.format_message().split())
    if not isinstance(error, click.UsageError):
        return reason(line)
    command = error.ctx.command_path if error.ctx else PROGRAM
    asks = line.endswith("?")
    said = reason(line.rstrip(".?"))
    if asks:
        return tell("{question}? See `{command} --help`", question=said, command=command)
    return tell("{problem}: see `{command} --help`", problem=said, command=command)


def _reader_left() -> NoReturn:
    """Who reads the output has enough of it: what is left goes nowhere, and nobody needs to hear of it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(1)


def fail(*errors: BaseException, status: int = 1) -> NoReturn:
    """Print each error once, and exit."""
    for line in dict.fromkeys(line for error in errors for line in error_lines(error)):
        click.echo(line, err=True)
    sys.exit(_REPLACED if any(isinstance(error, StoreReplaced) for error in errors) else status)


def leaves(error: BaseException) -> list[BaseException]:
    """The errors of a group, or the one that is none."""
    if not isinstance(error, BaseExceptionGroup):
        return [error]
    return [leaf for part in error.exceptions for leaf in leaves(part)]
