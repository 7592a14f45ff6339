"""A long run: daemons under load that are killed and frozen, and whose database goes away.

Afterwards the store, the answers and what a Jenkins and two robots counted are checked; the exit status is 1
where something does not hold. The result becomes part of the guide `chaos`, in both languages, in place of
the last run of as many nodes on the same engine. What happens, and when, is repeated by the same `--seed`.
"""

import argparse
import datetime as dt
import os
import platform
import random
import sys
from contextlib import ExitStack
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))  # the tests' own packages, as pytest finds them

from bench.harness import folder_on_disk
from chaos import page
from chaos.faults import Kind
from chaos.play import Result, Settings, play
from support.postgres import serve_postgres

from bridge import __version__


def main() -> int:
    options = _parser().parse_args()
    settings = Settings(
        seed=options.seed,
        nodes=options.nodes,
        seconds=60 * options.minutes,
        rate=options.rate,
        built_share=options.built,
        lease=options.lease,
        outage=options.outage,
        counts={kind: getattr(options, kind) for kind in Kind},
    )
    _say(f"seed {settings.seed}")
    for fault in settings.plan.faults():
        _say(f"{fault.at:7.1f} s  {fault.kind:<8}{fault.seconds:6.1f} s  {fault.where}")
    with ExitStack() as ends:
        folder = ends.enter_context(folder_on_disk(options.folder))
        of_postgres = options.engine == "postgres"
        server = (
            ends.enter_context(serve_postgres(durable=True, parent=options.folder)) if of_postgres else None
        )
        result = play(settings, folder, server)
    written = _record(result)
    _say(page.table(written, "en"), *written.breaches)
    if not options.no_page:
        page.keep(written)
    return 1 if written.breaches else 0


def _say(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


def _record(result: Result) -> page.Record:
    """What the guide says of it."""
    settings = result.settings
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / (1 << 30)
    return page.Record(
        date=dt.datetime.now(dt.UTC).date().isoformat(),
        engine=result.engine,
        nodes=settings.nodes,
        versions=f"Buildbridge {__version__}, Python {platform.python_version()}, {result.engine}",
        processors=len(os.sched_getaffinity(0)),
        memory_gib=round(memory),
        seed=settings.seed,
        minutes=settings.seconds / 60,
        rate=settings.rate,
        lease=settings.lease,
        faults={kind: settings.counts[kind] for kind in Kind},
        ends=sum(status != -9 for status in result.ended[: -settings.nodes]),
        figures=dict(result.figures),
        breaches=[str(breach) for breach in result.breaches],
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--engine", choices=["postgres", "sqlite"], default="postgres")
    parser.add_argument("--nodes", type=int, default=1, help="so many daemons on one database")
    parser.add_argument("--minutes", type=float, default=10.0, help="how long the load lasts")
    parser.add_argument("--rate", type=float, default=300.0, help="pushes a second")
    parser.add_argument("--built", type=float, default=0.01, help="the share of them that is built")
    parser.add_argument("--lease", type=float, default=10.0, help="in seconds; a freeze lasts three")
    parser.add_argument("--outage", type=float, default=5.0, help="how long what is away is so at most")
    for kind in Kind:
        parser.add_argument(f"--{kind.plural}", dest=kind, type=int, default=0, metavar="N", help=kind.what)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000))
    parser.add_argument("--folder", type=Path, default=Path.cwd(), help="on the disk that is to be used")
    parser.add_argument("--no-page", action="store_true", help="leave the guide as it is")
    return parser


if __name__ == "__main__":
    sys.exit(main())
