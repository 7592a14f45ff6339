"""`db copy`: the store at another place, whatever the engine of either."""

from collections.abc import Iterator

import click
from pydantic import ValidationError

from bridge.cli.setup import outline
from bridge.cli.speech import fault_line, tell
from bridge.cli.upkeep import progress_bar
from bridge.config.outline import Outline
from bridge.config.store import PASSWORD, StoreSettings, secrets_in
from bridge.errors import Fault
from bridge.store import copying
from bridge.store.copying import Copied

_COUNTED = ("delivery", "build", "notice")


@click.command()
@click.option("--from", "source_url", metavar="URL", help="The store to copy; default: that of bridge.yaml.")
@click.option("--to", "target_url", metavar="URL", required=True, help="A new file, or an empty database.")
@click.pass_obj
def copy(config: str | None, source_url: str | None, target_url: str) -> None:
    """Copy the whole store to another place: from SQLite to PostgreSQL, or back.

    Stop the daemon before. URL is as store.url in bridge.yaml: sqlite:// and the path of a file, or
    postgresql://USER@HOST/DATABASE. It has no password: that comes from bridge.yaml where the URL is the one
    that stands there, else from $PGPASSWORD or ~/.pgpass.

    All rows keep their ids and numbers, and what is open goes on. At the end both sides are read once more
    and compared; only then a daemon takes the copy for its store. What was stopped goes on when this command
    is run again.
    """
    known = outline(config)
    source, target = _place(known, "--from", source_url), _place(known, "--to", target_url)
    with progress_bar(tell("copying")) as progress:
        done = copying.copy(source.store_url, target.store_url, progress=progress)
    for line in _said(known, source, target, done):
        click.echo(line)


def _place(known: Outline, option: str, url: str | None) -> Outline:
    """The configuration with the store at this URL. Raises UsageError."""
    if url is None or url == known.settings.store.url:
        return known
    if PASSWORD in secrets_in(url):
        raise click.UsageError(
            f"{option} has a password, which others see in the list of processes: leave it out, and "
            "write it into ~/.pgpass or $PGPASSWORD"
        )
    try:
        store = StoreSettings(url=url)
    except ValidationError as error:
        raise click.UsageError(fault_line(Fault(option, "", error.errors()[0]["msg"]))) from None
    return Outline(file=known.file, settings=known.settings.model_copy(update={"store": store}))


def _said(known: Outline, source: Outline, target: Outline, done: Copied) -> Iterator[str]:
    names = {"delivery": tell("deliveries"), "build": tell("builds"), "notice": tell("notices")}
    yield tell(
        "{target}: {rows}; {all} rows in all, equal to those of {source} (checksum {checksum})",
        target=target.store_name,
        rows=tell(", ").join(f"{names[table]} {done.rows[table]}" for table in _COUNTED),
        all=sum(done.rows.values()),
        source=source.store_name,
        checksum=done.checksum[:16],
    )
    if target.store_name != known.store_name:
        yield tell("write it as store.url in {file} before you start the daemon", file=known.file)
    if done.altered:
        yield tell(
            "{count} texts had the character NUL, which PostgreSQL does not keep: it has U+FFFD there",
            count=done.altered,
        )
    beside = [path for path in (source.key_file, source.state_path) if path.exists()]
    if beside and source.home != target.home:
        sentence = (
            "take along to {folder}: {files}; tokens need their key, local builds that run their folder"
        )
        if target.store_file is None:
            sentence = (
                "write store.folder: {home} there, or take along to {folder}: {files}; tokens need their "
                "key, local builds that run their folder"
            )
        files = ", ".join(str(path) for path in beside)
        yield tell(sentence, home=source.home, folder=target.home, files=files)
    yield tell(
        "start no daemon on {source} any more: what waits there would be built a second time",
        source=source.store_name,
    )
