"""What each kind of channel shows of sequences of builds, and of a matrix, under each policy."""

import re
from pathlib import Path
from typing import Any, Final

import pytest
from services.test_told import Only, Room
from support.channel_contract import Contract, find_contract, make_channel
from support.harness import NotifierHarness
from support.scripted import Clock, open_store

from bridge.channels.words import words_of
from bridge.registry import CHANNELS

FOUND: Final = {kind: contract for kind in CHANNELS if (contract := find_contract(kind))}
SHOWN: Final = {kind: contract for kind, contract in FOUND.items() if contract.markup}
"""Those that show words about builds."""
_STATUSES: Final = words_of("en").statuses.values()
PHRASES: Final = {text: one.word for one in _STATUSES for text in (one.phrase, f"[{one.word}]")}
_PHRASE: Final = re.compile("|".join(map(re.escape, sorted(PHRASES, key=len, reverse=True))))
SEQUENCES: Final = {
    ("SFFSS", "always"): "OK #1, FAILED #2, STILL FAILING #3, FIXED #4, OK #5",
    ("SFFSS", "changes"): "FAILED #2, FIXED #4",
    ("SFFSS", "failures"): "FAILED #2, STILL FAILING #3",
    ("FSFAFS", "always"): "FAILED #1, FIXED #2, FAILED #3, STOPPED #4, STILL FAILING #5, FIXED #6",
    ("FSFAFS", "changes"): "FAILED #1, FIXED #2, FAILED #3, STOPPED #4, FIXED #6",
    ("FSFAFS", "failures"): "FAILED #1, FAILED #3, STILL FAILING #5",
    ("AFAS", "always"): "STOPPED #1, FAILED #2, STOPPED #3, FIXED #4",
    ("AFAS", "changes"): "STOPPED #1, FAILED #2, STOPPED #3, FIXED #4",
    ("AFAS", "failures"): "FAILED #2",
}
MATRIX: Final = {
    "always": "FAILED of 6",
    "changes": "FAILED #4",
    "failures": "FAILED #4",
}
MATRIX_EACH: Final = MATRIX | {"always": "OK #1, OK #2, OK #3, FAILED #4, OK #5, OK #6"}
"""What a kind shows that has no messages about several builds."""


def title(text: str) -> str:
    """The status that a message begins with, and the first build that it names, or how many they are."""
    phrase = _PHRASE.search(text)
    assert phrase
    numbers = list(dict.fromkeys(re.findall(r"#(\d+)\b", text)))
    return f"{PHRASES[phrase[0]]} {f'of {len(numbers)}' if len(numbers) > 2 else f'#{numbers[0]}'}"


async def shown(kind: str, folder: Path, only: Only, play: Any) -> str:
    contract: Contract[Any] = FOUND[kind]
    clock = Clock()
    async with open_store(folder, clock) as store, contract.serve(folder, clock) as peer:
        channel: Any = make_channel(kind, contract, peer, clock=clock, language="en")
        room = Room(store, only)
        async with NotifierHarness(store, channel).running() as harness:
            await play(room, harness)
        # A channel that prints has the lines of the log beside it.
        return ", ".join(title(text) for text in contract.taken(peer) if _PHRASE.search(text))


@pytest.mark.parametrize("kind", SHOWN)
@pytest.mark.parametrize(("ends", "only"), SEQUENCES)
async def test_the_titles_of_a_sequence(kind: str, ends: str, only: Only, tmp_path: Path) -> None:
    async def play(room: Room, harness: NotifierHarness) -> None:
        for number, letter in enumerate(ends):
            await room.build(letter, number)
            await harness.advance(61)

    assert await shown(kind, tmp_path, only, play) == SEQUENCES[ends, only]


@pytest.mark.parametrize("kind", SHOWN)
@pytest.mark.parametrize("only", MATRIX)
async def test_a_matrix_of_six_with_one_failure(kind: str, only: Only, tmp_path: Path) -> None:
    async def play(room: Room, harness: NotifierHarness) -> None:
        await room.matrix("SSSFSS")
        await harness.advance(61)

    table = MATRIX if CHANNELS[kind].digest_size else MATRIX_EACH
    assert await shown(kind, tmp_path, only, play) == table[only]
