"""`db backup`, `db restore` and `db check`: what an operator does with the store as a whole."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import click

from bridge import __version__
from bridge.cli.setup import outline
from bridge.config.keys import replace_key
from bridge.config.loader import Outline
from bridge.errors import StoreError
from bridge.runtime.clock import moment, system_clock
from bridge.store import upkeep
from bridge.store.upkeep import Backup, Progress, Restored

_FILE: Final = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.argument("file", type=_FILE)
@click.pass_obj
def backup(config: str | None, file: Path) -> None:
    """Copy the whole store into FILE, also while the daemon runs, and verify the copy.

    FILE also holds the key of the API's tokens: keep it as you keep secrets. An earlier backup of this name
    is replaced, once the new one is complete.
    """
    known = outline(config)
    with _progress("copying") as progress:
        made = upkeep.back_up(
            known.store_url,
            file,
            api_key=_api_key(known),
            release=__version__,
            now=system_clock(),
            progress=progress,
        )
    click.echo(f"{file}: {_contents(made)}")
    files = ", ".join(str(path) for path in (known.file, *known.rule_paths))
    click.echo(
        f"not in it, so keep them as well: {files}, the secrets that they name; "
        f"{known.state_path} has the local builds that run now"
    )


@click.command()
@click.argument("file", type=_FILE)
@click.option("--resume", is_flag=True, help="Go on with what was open; this may build once more.")
@click.pass_obj
def restore(config: str | None, file: Path, *, resume: bool) -> None:
    """Put the backup FILE in the place of the store, which is kept under another name.

    Stop the daemon before. What was open when the backup was made may have been built since then. So
    deliveries without a decision become dead, and builds that wait for their trigger unknown: redeliver or
    retry those that are to be built. With --resume they go on; each build is first looked for at its builder,
    and becomes unknown where that cannot be searched.
    """
    known = outline(config)
    with _progress("copying") as progress:
        done = upkeep.put_back(file, known.store_url, resume=resume, now=system_clock(), progress=progress)
    click.echo(f"restored {file}: {_contents(done.backup)}")
    if done.kept is not None:
        click.echo(f"the store before is kept: {done.kept}")
    if done.backup.api_key is not None:
        _restore_key(known, done.backup.api_key)
    for line in _open_work(done, resume=resume):
        click.echo(line)


@click.command()
@click.pass_obj
def check(config: str | None) -> None:
    """Read all of the store: whether it is whole, and whether the daemon goes on with all that waits.

    It takes about half a minute for each GiB, also beside a running daemon. It ends with 1 where something is
    wrong.
    """
    known = outline(config)
    found = upkeep.check(known.store_url, system_clock())
    log = f", its log of writes {_mib(found.log_size)}" if found.log_size else ""
    click.echo(f"{known.store_file}: {_mib(found.size)}{log}, schema {found.schema}")
    for problem in found.problems:
        click.echo(problem)
    if found.problems:
        sys.exit(1)
    click.echo("whole, and nothing in it is stuck")


def _api_key(known: Outline) -> str | None:
    """The key that the daemon has made. Raises StoreError."""
    try:
        return known.key_file.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not text"
        raise StoreError(f"no backup was made: {known.key_file}: {why}: the tokens need this key") from None


def _restore_key(known: Outline, key: str) -> None:
    try:
        kept = replace_key(known.key_file, key)
    except OSError as error:
        problem = f"the store is restored, but not {known.key_file}: {error.strerror}: run this command again"
        raise StoreError(problem) from error
    if kept is not None:
        click.echo(f"the key before is kept: {kept}; tokens that it has signed are void")


def _open_work(done: Restored, *, resume: bool) -> Iterator[str]:
    if done.deliveries:
        outcome = "are decided now" if resume else "are dead: `deliveries list --state dead`, then redeliver"
        yield f"{done.deliveries} deliveries waited for a decision; they {outcome}"
    if done.builds:
        outcome = (
            "are looked for at their builders, and triggered where those do not have them"
            if resume
            else "are unknown: `builds list --state unknown`, then retry"
        )
        yield f"{done.builds} builds waited for their trigger; they {outcome}"
    if done.followed:
        yield f"{done.followed} builds were with their builders; the daemon asks for their end"
    if done.notices:
        yield f"{done.notices} notices waited to be sent; they may arrive once more"
    since = f"since {moment(done.backup.made_at)}" if done.backup.made_at else "since it was copied"
    yield (
        f"what happened {since} is not in this store: tokens that were revoked are valid again, numbers of "
        "builds are given again, and a delivery that its host sends again builds again"
    )


def _contents(made: Backup) -> str:
    names = {"delivery": "deliveries", "build": "builds", "notice": "notices"}
    rows = ", ".join(f"{names[table]} {count}" for table, count in made.rows.items())
    key = ", the key of the API's tokens" if made.api_key else ""
    release = f" of release {made.release}, {moment(made.made_at)}" if made.made_at else ""
    return f"{_mib(made.size)}, schema {made.schema}{release}: {rows}{key}"


def _mib(size: int) -> str:
    return f"{size / (1 << 20):.1f} MiB"


@contextmanager
def _progress(label: str) -> Iterator[Progress]:
    """A bar while a person looks on."""
    shown = sys.stderr.isatty()
    with click.progressbar(length=0, label=label, file=sys.stderr, hidden=not shown) as bar:

        def move(done: int, total: int) -> None:
            bar.length = total
            bar.update(done - bar.pos)

        yield move
