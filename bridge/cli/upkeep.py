"""`db backup`, `db restore` and `db check`: what an operator does with the store as a whole."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import click

from bridge import __version__
from bridge.cli.setup import outline
from bridge.cli.speech import reason, tell
from bridge.config.keys import replace_key
from bridge.config.outline import Outline
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
    with progress_bar(tell("copying")) as progress:
        made = upkeep.back_up(
            known.store_url,
            file,
            api_key=_api_key(known),
            release=__version__,
            now=system_clock(),
            progress=progress,
        )
    click.echo(tell("{file}: {contents}", file=file, contents=_contents(made)))
    files = ", ".join(str(path) for path in (known.file, *known.rule_paths))
    said = tell(
        "not in it, so keep them as well: {files}, the secrets that they name; {folder} has the local builds "
        "that run now",
        files=files,
        folder=known.state_path,
    )
    click.echo(said)


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
    with progress_bar(tell("copying")) as progress:
        done = upkeep.put_back(file, known.store_url, resume=resume, now=system_clock(), progress=progress)
    click.echo(tell("restored {file}: {contents}", file=file, contents=_contents(done.backup)))
    if done.kept is not None:
        click.echo(tell("the store before is kept: {file}", file=done.kept))
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
    sizes = [_mib(found.size)]
    if found.log_size:
        sizes.append(tell("its log of writes {size}", size=_mib(found.log_size)))
    facts = tell(", ").join([*sizes, tell("schema {schema}", schema=found.schema)])
    click.echo(tell("{file}: {contents}", file=known.store_name, contents=facts))
    for problem in found.problems:
        click.echo(reason(problem))
    if found.problems:
        sys.exit(1)
    click.echo(tell("whole, and nothing in it is stuck"))


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
        click.echo(tell("the key before is kept: {file}; tokens that it has signed are void", file=kept))


def _open_work(done: Restored, *, resume: bool) -> Iterator[str]:
    if done.deliveries:
        outcome = (
            tell("are decided now")
            if resume
            else tell("are dead: `deliveries list --state dead`, then redeliver")
        )
        yield tell(
            "{count} deliveries waited for a decision; they {outcome}",
            count=done.deliveries,
            outcome=outcome,
        )
    if done.builds:
        outcome = (
            tell("are looked for at their builders, and triggered where those do not have them")
            if resume
            else tell("are unknown: `builds list --state unknown`, then retry")
        )
        yield tell(
            "{count} builds waited for their trigger; they {outcome}", count=done.builds, outcome=outcome
        )
    if done.followed:
        yield tell(
            "{count} builds were with their builders; the daemon asks for their end", count=done.followed
        )
    if done.notices:
        yield tell("{count} notices waited to be sent; they may arrive once more", count=done.notices)
    made_at = done.backup.made_at
    since = tell("since {time}", time=moment(made_at)) if made_at else tell("since it was copied")
    yield tell(
        "what happened {since} is not in this store: tokens that were revoked are valid again, numbers of "
        "builds are given again, and a delivery that its host sends again builds again",
        since=since,
    )


def _contents(made: Backup) -> str:
    names = {"delivery": tell("deliveries"), "build": tell("builds"), "notice": tell("notices")}
    rows = [f"{names[table]} {count}" for table, count in made.rows.items()]
    if made.api_key:
        rows.append(tell("the key of the API's tokens"))
    about = tell("schema {schema}", schema=made.schema)
    if made.made_at:
        made_by = tell(" of release {release}, {time}", release=made.release, time=moment(made.made_at))
        about += made_by
    listed = tell("{about}: {rows}", about=about, rows=tell(", ").join(rows))
    return tell(", ").join([_mib(made.size), listed])


def _mib(size: int) -> str:
    return f"{size / (1 << 20):.1f} MiB"


@contextmanager
def progress_bar(label: str) -> Iterator[Progress]:
    """A bar while a person looks on."""
    shown = sys.stderr.isatty()
    with click.progressbar(length=0, label=label, file=sys.stderr, hidden=not shown) as bar:

        def move(done: int, total: int) -> None:
            bar.length = total
            bar.update(done - bar.pos)

        yield move
