"""What is wrong with a template is a fault with its place, before a configuration is taken."""

from pathlib import Path

import pytest
from support.templates import CONFIG, fault

from bridge.channels.templates.worded import faults_of
from bridge.config.loader import load_config
from bridge.config.templates import NoticeTemplate
from bridge.errors import ConfigError
from bridge.model.notice import EventName
from bridge.registry import KINDS


@pytest.mark.parametrize(
    ("source", "there", "problem"),
    [
        ("{{ repositry }}", "repositry }}", "there is no name repositry; did you mean repository?"),
        ("a\n{{ subject | uper }}", "uper }}", "there is no filter uper; did you mean upper?"),
        ("{{ a", "a", "unexpected end of template"),
        ("{% if by %}", " %}", "Unexpected end of template. Jinja was looking"),
        ("{{ 'x }}", " 'x }}", 'unexpected char "\'"'),
        ("{% frob %}", "frob %}", "Encountered unknown tag 'frob'."),
        (
            "{% set a = 1 %}",
            "set a = 1 %}",
            "is not allowed: a template has {{ … }}, if and for, nothing else",
        ),
        ("{% include 'x' %}", "include 'x' ", "is not allowed"),
        ("{% import 'x' as x %}", "import 'x' a", "is not allowed"),
        ("{% from 'x' import x %}", "from 'x' imp", "is not allowed"),
        ("{% extends 'x' %}", "extends 'x' ", "is not allowed"),
        ("{% macro x() %}{% endmacro %}", "macro x() %}", "is not allowed"),
        ("{% filter upper %}{% endfilter %}", "filter upper", "is not allowed"),
        ("{% call link('a', build_url) %}{% endcall %}", "call link('a", "is not allowed"),
        ("{% block x %}{% endblock %}", "block x %}{%", "is not allowed"),
        ("{% with %}{% endwith %}", "with %}{% en", "is not allowed"),
        ("{% autoescape true %}{% endautoescape %}", "autoescape t", "is not allowed"),
        ("{{ {} }}", "{} }}", "is not allowed"),
        ("{{ subject.upper() }}", "() }}", "the only function is link(text, address)"),
        (
            "{{ subject.__class__ }}",
            ".__class__ }",
            "no value has a part __class__: write a name alone, without .",
        ),
        ("{{ subject['x'] }}", "['x'] }}", "a place is a number: images[0], sha[:8]"),
        ("{{ subject[::2] }}", "[::2] }}", "a part is [from:to], without a third number"),
        ("{{ range(9) }}", "(9) }}", "the only function is link(text, address)"),
        ("{{ link(subject) }}", "(subject) }}", "link takes a text and an address"),
        ("{{ link }}", "link }}", "link needs a text and an address"),
        ("{{ self }}", "self }}", "there is no name self"),
        ("{{ loop.index }}", ".index }}", "loop is known in a loop only"),
        ("{% for i in tail %}{{ loop }}{% endfor %}", "loop }}{% en", "loop is no value"),
        ("{% for i in tail %}{{ loop.prev }}{% endfor %}", ".prev }}{% e", "there is no loop.prev"),
        ("{% for a, b in tail %}{% endfor %}", ", b in tail", "a loop has one name: for image in images"),
        ("{% for ref in tail %}{% endfor %}", "ref in tail ", "ref is taken: choose another name"),
        (
            "{% for _i in tail %}{% endfor %}",
            "_i in tail %",
            "a name of a loop has letters a to z and digits",
        ),
        ("{% for i in tail recursive %}{% endfor %}", "for i in tai", "a loop cannot be recursive"),
        ("{{ 2 * 3 }}", "2 * 3 }}", "a template does not calculate: ~ puts texts together"),
        ("{{ subject % 3 }}", "subject % 3 ", "a template does not calculate"),
        ("{{ -number }}", "-number }}", "a template does not calculate"),
        ("{{ 1.5 }}", "1.5 }}", "numbers are whole, and at most 1000000"),
        ("{{ subject is even }}", "is even }}", "there is no test even; known are defined, none"),
        ("{{ subject is none(1) }}", "is none(1) }", "none takes no values"),
        ("{{ subject | truncate(length=3) }}", "truncate(len", "truncate takes 0 or 1 values in brackets"),
        ("{{ subject | replace('a') }}", "replace('a')", "replace takes 2 values in brackets"),
        (
            "{{ images[0] }}",
            "[0] }}",
            "fails with some notices: list object has no element 0; | default('…') says",
        ),
        ("{% for c in subject %}{% endfor %}", "for c in sub", "fails with some notices: for needs a list"),
        (
            "{{ number | join }}",
            "join }}",
            "fails with some notices: for needs a list, and this is a number",
        ),
        ("{{ 'a' | replace('', 'b') }}", "replace('',", "fails with some notices: replace needs a text"),
        ("{{ 'a' | truncate('b') }}", "truncate('b'", "fails with some notices: truncate needs a number"),
        ("{{ 3 }}\n{{ ref[number:] }}", "[number:] }}", "a place is a number"),
        ("{{ 5[0:2] }}", "[0:2] }}", "a place is a number"),
    ],
)
def test_what_a_template_must_not_have_is_a_fault_with_its_place(
    source: str, there: str, problem: str
) -> None:
    place, said = fault(source)
    assert said.startswith(problem)
    assert place.strip() == there.strip()


def test_all_faults_are_found_at_once() -> None:
    found = list(faults_of(NoticeTemplate(title="{{ x }}", body="{{ a }}{{ b | c }}{{ a }}"), EventName.FAIL))
    assert [(part, one.offset) for part, one in found] == [
        ("title", 3), ("body", 3), ("body", 10), ("body", 14), ("body", 21),
    ]  # fmt: skip


def faults(folder: Path, text: str) -> list[str]:
    (folder / "bridge.yaml").write_text(text, "utf-8")
    with pytest.raises(ConfigError) as caught:
        load_config(folder / "bridge.yaml", KINDS, {})
    return [str(one).removeprefix(f"{folder}/") for one in caught.value.faults]


def test_faults_of_templates_stand_at_their_line_and_column_of_the_file(tmp_path: Path) -> None:
    at = "channels.team.templates"
    assert faults(tmp_path, CONFIG) == [
        f"bridge.yaml:7:30: {at}.buildJobFail.title: there is no name reff; did you mean ref?",
        f"bridge.yaml:11:24: {at}.buildJobFail.body: there is no filter jion; did you mean join?",
        (
            f"bridge.yaml:13:46: {at}.serviceDegraded.body: there is no name subject; known are event, "
            "language, mark, part, phrase, reason, status"
        ),
    ]


@pytest.mark.parametrize(
    ("templates", "problem"),
    [
        ("{buildJobFall: {title: x}}", "buildJobFall is not known; did you mean buildJobFail?"),
        ("{buildJobFail: {}}", "replaces nothing: give title or body"),
        ("{buildJobFail: {titel: x}}", "is not known; did you mean title?"),
        ("{buildJobFail: {title: ''}}", "is empty"),
        (
            f"{{buildJobFail: {{title: {'修' * 1366}}}}}",
            "is over 4 KiB: a notice is short, leave something out",
        ),
    ],
)
def test_what_is_no_template_at_all_is_a_fault(templates: str, problem: str, tmp_path: Path) -> None:
    before = CONFIG.partition("    templates:")[0]
    (found,) = faults(tmp_path, f"{before}    templates: {templates}\n")
    assert found.endswith(f": {problem}")


@pytest.mark.parametrize("kind", ["WEBHOOK", "COMMIT_STATUS"])
def test_a_kind_that_shows_no_words_refuses_templates(kind: str, tmp_path: Path) -> None:
    own = {
        "WEBHOOK": "url: https://x.example/h\n    secrets: [whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz]",
        "COMMIT_STATUS": "host: GitHub\n    token: ghp_0123456789abcdef",
    }[kind]
    text = f"channels:\n  a:\n    kind: {kind}\n    {own}\n    templates: {{buildJobFail: {{title: x}}}}\n"
    (found,) = faults(tmp_path, text)
    assert found == (
        "bridge.yaml:6:5: channels.a.templates: mean nothing to this kind, which sends no text for people: "
        "leave them out"
    )
