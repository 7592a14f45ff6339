"""Files with one fault each; their first line says which: `# expect: name.yaml:2:1: path: problem`."""

from pathlib import Path


def faulty_files(folder: Path) -> list[Path]:
    files = sorted(folder.glob("*.yaml"))
    assert len(files) > 20
    return files


def expected_fault(file: Path) -> str:
    first = file.read_text(encoding="utf-8").partition("\n")[0]
    assert first.startswith("# expect: ")
    return first.removeprefix("# expect: ")
