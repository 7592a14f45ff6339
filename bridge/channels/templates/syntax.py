"""Reads templates: a small part of Jinja2, in which no template can do much work or reach an object of ours.

Nodes of a tree have no line in `lineno` but the offset of their first character in the source, from 1, so
that every fault, also one that shows when the template runs, has its place.

Source: "Template Designer Documentation" (https://jinja.palletsprojects.com/en/stable/templates/).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import TracebackType
from typing import Final

from jinja2 import StrictUndefined, Template, TemplateSyntaxError, nodes
from jinja2.lexer import TokenStream
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

from bridge.channels.templates.fault import TemplateFault, TemplateFaults
from bridge.channels.templates.filters import FILTERS, TESTS, joined, rows, text_of
from bridge.channels.templates.grammar import Grammar
from bridge.channels.text import plain

_MAX_NESTING: Final = 16
"""Of brackets and blocks in the source."""
_MAX_TOKENS: Final = 1500
_FILE: Final = "<template>"
_ROWS, _JOINED = "_rows", "_joined"
"""Names of filters that no source can write."""
_PLACE: Final = re.compile(r" at \d+$")


class _Environment(ImmutableSandboxedEnvironment):
    """Has nothing but our filters, and numbers tokens by their place."""

    def __init__(self) -> None:
        super().__init__(
            undefined=StrictUndefined, autoescape=False, optimized=False, finalize=text_of, cache_size=0
        )
        self.globals = {}
        self.filters = {name: function for name, (function, *_) in FILTERS.items()}
        self.filters |= {_ROWS: rows, _JOINED: joined}
        self.tests = dict(TESTS)

    def _tokenize(
        self, source: str, name: str | None, filename: str | None = None, state: str | None = None
    ) -> TokenStream:
        return TokenStream(self.lexer.wrap(self._placed(source, state), name, filename), name, filename)

    def _placed(self, source: str, state: str | None) -> Iterator[tuple[int, str, str]]:
        """The tokens of a source with their offsets. Raises TemplateSyntaxError with one, too."""
        at, depth, count = 0, 0, 0
        try:
            for _, token, text in self.lexer.tokeniter(source, None, None, state):
                at = max(source.find(text, at), at)
                count += 1
                depth += _deeper(token, text)
                _check_size(depth, count)
                yield at + 1, token, text
                at += len(text)
        except TemplateSyntaxError as error:
            raise TemplateSyntaxError(error.message or "", at + 1) from None


def _check_size(depth: int, count: int) -> None:
    """Raises TemplateSyntaxError: the parser would go as deep as the source."""
    if depth > _MAX_NESTING or count > _MAX_TOKENS:
        what = "is nested too deep" if depth > _MAX_NESTING else "has too many parts"
        raise TemplateSyntaxError(f"{what}: make it simpler", 1)


def _deeper(token: str, text: str) -> int:
    if token != "operator":  # noqa: S105  # the word of the library
        return 0
    return 1 if text in {"(", "[", "{"} else -1 if text in {")", "]", "}"} else 0


_ENVIRONMENT: Final = _Environment()


@dataclass(frozen=True, slots=True)
class Compiled:
    """A template that was found good."""

    template: Template

    def chunks(self, names: Mapping[str, object]) -> Iterator[str]:
        """The text in parts, as it is made. Raises whatever the template does wrong."""
        return self.template.root_render_func(self.template.new_context(dict(names)))

    def offset(self, trace: TracebackType | None) -> int:
        """The offset, from 0, at which the template was when an exception with this traceback was raised."""
        found = 1
        while trace is not None:
            if trace.tb_frame.f_code.co_filename == _FILE:
                found = self.template.get_corresponding_lineno(trace.tb_lineno)
            trace = trace.tb_next
        return found - 1


@lru_cache(maxsize=128)
def compiled(source: str, names: frozenset[str]) -> Compiled:
    """Read a template that may use these names. Raises TemplateFaults."""
    source = source.replace("\r\n", "\n").replace("\r", "\n")
    tree = _parsed(source)
    if faults := Grammar(names).faults(tree):
        raise TemplateFaults(*faults)
    _bound(tree)
    code = _ENVIRONMENT.compile(tree, None, _FILE)
    return Compiled(Template.from_code(_ENVIRONMENT, code, {}))


def _parsed(source: str) -> nodes.Template:
    try:
        return _ENVIRONMENT._parse(source, None, None)  # noqa: SLF001  # `parse` would lose the places
    except TemplateSyntaxError as error:
        problem = plain(_PLACE.sub("", error.message or "is no template"), 300)
        raise TemplateFaults(TemplateFault(error.lineno - 1, problem)) from None
    except RecursionError:
        raise TemplateFaults(TemplateFault(0, "is nested too deep: make it simpler")) from None
    except (ValueError, OverflowError):  # a number of thousands of digits
        raise TemplateFaults(TemplateFault(0, "has a number that is too large")) from None


def _bound(tree: nodes.Template) -> None:
    """Put our limits around what could grow: loops, and texts that are put together."""
    for loop in list(tree.find_all(nodes.For)):
        loop.iter = _filtered(loop.iter, _ROWS)
    for choice in tree.find_all(nodes.CondExpr):
        choice.expr2 = choice.expr2 or nodes.Const("", lineno=choice.lineno)
    _Joined().visit(tree)
    tree.set_environment(_ENVIRONMENT)


class _Joined(NodeTransformer):
    """Bounds every `~`."""

    def visit_Concat(self, node: nodes.Concat) -> nodes.Filter:  # noqa: N802  # the library's name
        self.generic_visit(node)
        return _filtered(nodes.List(node.nodes, lineno=node.lineno), _JOINED)


def _filtered(node: nodes.Node, name: str) -> nodes.Filter:
    return nodes.Filter(node, name, [], [], None, None, lineno=node.lineno)
