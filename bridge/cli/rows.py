"""What the listings have in common: their options, and how rows and single ones are printed."""

from collections.abc import Mapping, Sequence
from typing import Any

import click

from bridge.cli import show

limit_option = click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 1000))
_APART = frozenset({"timeline", "explanation", "runs"})


def print_rows(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, as_json: bool) -> None:
    """Print a listing: a table, or each row as JSON."""
    if as_json:
        show.objects(rows)
    else:
        show.table(rows, columns)


def print_one(document: Mapping[str, Any], steps: Sequence[str], *, as_json: bool) -> None:
    """Print one record with its runs, what the rules made of it, and its timeline.

    `steps` is what the pages call the words of the timeline.
    """
    if as_json:
        show.objects([document])
        return
    show.facts({name: value for name, value in document.items() if name not in _APART})
    if len(runs := document.get("runs", ())) > 1:
        show.table(runs, ["run", "state", "retried_by", "enqueued_at", "ended_at", "detail"])
    for evaluation in document.get("explanation", ()):
        show.evaluation(evaluation)
    show.timeline(document["timeline"], steps)
