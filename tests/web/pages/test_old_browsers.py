"""What the browsers inside chat programs understand and send.

Their scripts are those of Chromium 75, which is ES2018; of the page before they may say nothing.
"""

import re
import subprocess
from pathlib import Path

import pytest
from support.needs import needs, needs_node_modules

STATIC = Path(__file__).parents[3] / "bridge" / "web" / "pages" / "static"
SCRIPTS = sorted(STATIC.glob("*.js"))
TEMPLATES = sorted((STATIC.parent / "templates").glob("*.html"))
STYLES = sorted(STATIC.glob("*.css"))
_LATER_CALLS = re.compile(
    r"\.(replaceAll|replaceChildren|at|allSettled|any|findLast|toSorted|hasOwn|groupBy|randomUUID|showModal)\("
    r"|structuredClone|requestIdleCallback\(|import\(|AbortSignal\.timeout"
)
"""What Chromium has had since a later release."""
_LATER_STYLES = re.compile(
    r"(?<![-\w])(?:gap|row-gap|aspect-ratio|inset|accent-color|translate|rotate|scale)\s*:"
    r"|@layer|@container|@property|:has\(|:is\(|:where\(|:focus-within\(|\b(?:min|max|clamp)\(|dvh|svh|lvh"
)
_PARSE = """
const acorn = require("acorn");
const text = require("fs").readFileSync(process.argv[1], "utf8");
try { acorn.parse(text, {ecmaVersion: 2018, sourceType: "script"}); }
catch (error) { console.log(String(error)); process.exit(1); }
"""


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda one: one.name)
def test_scripts_are_of_2018_and_no_modules(script: Path) -> None:
    modules = str(needs_node_modules())
    done = subprocess.run(
        [needs("node"), "-e", _PARSE, str(script)],
        env={"NODE_PATH": modules, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert _LATER_CALLS.findall(script.read_text()) == []


@pytest.mark.parametrize("style", STYLES, ids=lambda one: one.name)
def test_styles_need_nothing_later(style: Path) -> None:
    assert [found[0] for found in _LATER_STYLES.finditer(style.read_text())] == []


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda one: one.name)
def test_templates_hold_no_script_and_no_style(template: Path) -> None:
    """The policy would block them; what is not shown in the tests of pages would be found by readers."""
    text = re.sub(r"\{%.*?%\}", "", template.read_text(), flags=re.DOTALL)
    inline = r"\son[a-z]+\s*=|\sstyle\s*=|javascript:|<style|<dialog|<iframe"
    assert re.findall(inline, text, re.IGNORECASE) == []
    assert re.findall(r"<script(?! defer src=\"\{\{ static\()", text) == []


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda one: one.name)
def test_forms_say_on_which_page_they_stand(template: Path) -> None:
    forms = re.findall(r'<form[^>]* method="post".*?</form>', template.read_text(), re.DOTALL)
    says = re.compile(r'\{\{ (?:once|page)_field\(\) \}\}|name="next"')
    assert [form for form in forms if not says.search(form)] == []
