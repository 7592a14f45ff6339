"""A short run on each engine: what the long one does in minutes, in seconds."""

from collections.abc import Mapping
from pathlib import Path

from chaos.checker import Kind as Wrong
from chaos.faults import Kind
from chaos.play import Result, Settings, play
from support.postgres import Server

OF_NODES = {Kind.KILL: 2, Kind.FREEZE: 1}
OF_DATABASE = {Kind.RESTART: 1, Kind.CUT: 1, Kind.HUSH: 1}


def check(
    folder: Path,
    server: Server | None,
    counts: Mapping[Kind, int],
    *,
    nodes: int,
    lease: float,
    seconds: float,
    seed: int = 1,
) -> Result:
    settings = Settings(
        seed=seed,
        nodes=nodes,
        seconds=seconds,
        rate=40,
        built_share=0.03,
        lease=lease,
        counts=counts,
        rest_seconds=60,
    )
    result = play(settings, folder, server)
    # How long a takeover lasts is for the long run: here other tests have the processors, too.
    assert [str(one) for one in result.breaches if one.kind is not Wrong.TAKEOVER] == []
    assert sorted(one.fault.kind for one in result.happened) == sorted(
        kind for kind, count in counts.items() for _ in range(count)
    )
    assert result.figures["deliveries"] >= settings.rate * settings.seconds
    assert 0 < result.figures["triggers"] <= result.figures["builds"]
    assert result.figures["rest"] is not None
    # A kill may find its node ended already, which its database left.
    assert 0 < result.ended.count(-9) <= counts[Kind.KILL]
    assert result.ended[-nodes:] == [0] * nodes, "the last start of each ended as it was asked to"
    return result


def test_nothing_is_lost_or_doubled_by_one_node_on_sqlite(tmp_path: Path) -> None:
    result = check(tmp_path, None, OF_NODES, nodes=1, lease=0.5, seconds=8)
    assert len(result.ended) == OF_NODES[Kind.KILL] + 1, "a node alone goes on after a freeze"


def test_nothing_is_lost_or_doubled_by_one_node_on_postgresql(tmp_path: Path, postgres: Server) -> None:
    check(tmp_path, postgres, OF_NODES | OF_DATABASE, nodes=1, lease=0.5, seconds=8)


def test_nothing_is_lost_or_doubled_by_three_nodes(tmp_path: Path, postgres: Server) -> None:
    counts = {Kind.KILL: 3, Kind.FREEZE: 1, Kind.RESTART: 1}
    result = check(tmp_path, postgres, counts, nodes=3, lease=3.0, seconds=16, seed=5)
    assert result.figures["takeover"] is not None
    assert 1 in result.ended, "the one that was frozen found others in its place"
