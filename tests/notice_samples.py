"""What each kind of channel says of typical builds: `.venv/bin/python tests/notice_samples.py [KIND…]`.

The command writes `tests/data/notices/KIND/CASE.LANGUAGE.txt` anew, for the kinds that are named or for all.
A test compares them, so that a change of words is seen where changes are read.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import anyio
from support.channel_contract import find_contract, make_channel, shows_words
from support.fake_robots import Turnable
from support.notice_cases import CASES, TEMPLATED

from bridge.model.notice import DigestFacts
from bridge.registry import BUILDERS, CHANNELS

FOLDER: Final = Path(__file__).parent / "data" / "notices"
LANGUAGES: Final = ("en", "zh-CN")


async def samples(kind: str) -> Mapping[str, str]:
    """What a channel of this kind would send, by the name of the file in the folder of the kind.

    A kind whose every notice goes by itself has no digest among them.
    """
    contract = find_contract(kind)
    assert contract, f"{kind} has no tests/channels/<folder of the adapter>/contract.py"
    sentences = {key: value for name in BUILDERS for key, value in BUILDERS[name].chinese.items()}
    found = {}
    with TemporaryDirectory() as folder:
        async with contract.serve(Path(folder), Turnable()) as peer:
            for language in LANGUAGES:
                channel = make_channel(kind, contract, peer, language=language, sentences=sentences)
                for case, notice in CASES.items():
                    if channel.digest_size or not isinstance(notice.facts, DigestFacts):
                        found[f"{case}.{language}.txt"] = channel.preview(notice)
                await channel.aclose()
                for case, (notice, templates) in TEMPLATED.items() if shows_words(kind) else ():
                    own = make_channel(
                        kind, contract, peer, language=language, sentences=sentences, templates=templates
                    )
                    found[f"{case}.{language}.txt"] = own.preview(notice)
                    await own.aclose()
    return found


def kept(kind: str) -> Mapping[str, str]:
    """What the files say, in the same way."""
    return {file.name: file.read_text("utf-8") for file in sorted((FOLDER / kind).glob("*"))}


def write(kind: str) -> None:
    folder = FOLDER / kind
    found = anyio.run(samples, kind)
    folder.mkdir(parents=True, exist_ok=True)
    for file in folder.iterdir():
        file.unlink()
    for name, text in found.items():
        (folder / name).write_text(text, "utf-8")


if __name__ == "__main__":
    for kind in sys.argv[1:] or CHANNELS:
        write(kind)
