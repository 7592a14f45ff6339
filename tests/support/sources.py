"""What the docstring of a module says about where its facts are from."""

import ast
import re
import sys
from pathlib import Path
from typing import Final

_SOURCE: Final = re.compile(r"^Source: .*?(?=\n\n|\Z)", re.MULTILINE | re.DOTALL)
_TITLED: Final = re.compile(r'"([^"]+)"([^"]*)')
_ADDRESS: Final = re.compile(r"https://[\w.-]+\.\w+")


def source_of(file: Path) -> str:
    """The paragraph of a module's docstring that names the source; "" without one."""
    text = file.read_text()
    if "Source: " not in text:
        return ""
    found = _SOURCE.search(ast.get_docstring(ast.parse(text)) or "")
    return found[0] if found else ""


def titles_without_address(file: Path) -> list[str]:
    """The pages that the source names by title only."""
    return [title for title, after in _TITLED.findall(source_of(file)) if not _ADDRESS.search(after)]


def check_vendor_page(adapter: type) -> None:
    """Fail unless the adapter's module names a page of its vendor."""
    assert _ADDRESS.search(source_of(Path(str(sys.modules[adapter.__module__].__file__)))), (
        f"the docstring of {adapter.__module__} has to name the vendor's page by title and address:"
        ' a paragraph that begins with: Source: Vendor, "Title" (https://vendor.example/page)'
    )
