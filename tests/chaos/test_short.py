"""A short run on each engine: what the long one does in minutes, in seconds."""

from collections.abc import Mapping
from pathlib import Path

from chaos.faults import Kind
from chaos.play import Settings, play
from support.postgres import Server

OF_NODES = {Kind.KILL: 2, Kind.FREEZE: 1}
OF_DATABASE = {Kind.RESTART: 1, Kind.CUT: 1, Kind.HUSH: 1}


def check(folder: Path, server: Server | None, counts: Mapping[Kind, int]) -> None:
    """Play a run of one node; a freeze of 1.5 s stands for one that is longer than a lease."""
    settings = Settings(
        seed=1,
        nodes=1,
        seconds=8,
        rate=50,
        built_share=0.03,
        lease=0.5,
        counts=counts,
        rest_seconds=60,
    )
    result = play(settings, folder, server)
    assert [str(breach) for breach in result.breaches] == []
    assert sorted(one.fault.kind for one in result.happened) == sorted(
        kind for kind, count in counts.items() for _ in range(count)
    )
    assert result.figures["deliveries"] >= settings.rate * settings.seconds
    assert 0 < result.figures["triggers"] <= result.figures["builds"]
    assert result.figures["rest"] is not None
    # The last start ended as it was asked to; the kills are those of the plan.
    assert result.ended == [-9] * counts[Kind.KILL] + [0]


def test_nothing_is_lost_or_doubled_on_sqlite(tmp_path: Path) -> None:
    check(tmp_path, None, OF_NODES)


def test_nothing_is_lost_or_doubled_on_postgresql(tmp_path: Path, postgres: Server) -> None:
    check(tmp_path, postgres, OF_NODES | OF_DATABASE)
