"""What a template may consist of: names, texts, `if`, `for` and our filters, each of them bounded."""

import re
from collections.abc import Callable, Mapping
from typing import Final

from jinja2 import nodes

from bridge.channels.templates.fault import TemplateFault
from bridge.channels.templates.filters import FILTERS, TESTS
from bridge.channels.templates.names import ADDRESSES
from bridge.config.faults import suggest_or_list

LINK: Final = "link"
_LOOP: Final = "loop"
_OF_LOOP: Final = frozenset({"first", "index", "index0", "last", "length", "revindex"})
_MAX_DEPTH: Final = 24
_MAX_NODES: Final = 600
_MAX_LOOPS: Final = 2
_LARGEST: Final = 1_000_000
_OWN: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_ADDRESS: Final = re.compile(r"https?://[^/\s@]+/")

_PLAIN: Final = (
    nodes.Output, nodes.TemplateData, nodes.If, nodes.CondExpr, nodes.Compare, nodes.Operand,
    nodes.And, nodes.Or, nodes.Not, nodes.Concat, nodes.List, nodes.Tuple,
)  # fmt: skip
"""Nodes that are good if their parts are."""
_ARITHMETIC: Final = (nodes.BinExpr, nodes.UnaryExpr)


class Grammar:
    """Finds what is wrong with the tree of a template that may use these names."""

    def __init__(self, names: frozenset[str]) -> None:
        self._names = names
        self._faults: list[TemplateFault] = []
        self._visits: Mapping[type[nodes.Node], Callable[..., None]] = {
            nodes.Name: self._name,
            nodes.Const: self._const,
            nodes.Neg: self._negative,
            nodes.For: self._for,
            nodes.Filter: self._filter,
            nodes.Test: self._test,
            nodes.Getitem: self._item,
            nodes.Getattr: self._attribute,
            nodes.Call: self._call,
        }

    def faults(self, tree: nodes.Template) -> list[TemplateFault]:
        """All faults of a tree, in the order of the source."""
        if too_large := _too_large(tree):
            return [too_large]
        for node in tree.body:
            self._visit(node, self._names, 0)
        return sorted(set(self._faults), key=lambda fault: fault.offset)

    def _visit(self, node: nodes.Node, names: frozenset[str], loops: int) -> None:
        if (visit := self._visits.get(type(node))) is not None:
            visit(node, names, loops)
        elif isinstance(node, _PLAIN):
            self._parts(node, names, loops)
        elif isinstance(node, _ARITHMETIC):
            self._fault(node, "a template does not calculate: ~ puts texts together")
        else:
            self._fault(node, "is not allowed: a template has {{ … }}, if and for, nothing else")

    def _parts(self, node: nodes.Node, names: frozenset[str], loops: int) -> None:
        for part in node.iter_child_nodes():
            self._visit(part, names, loops)

    def _name(self, node: nodes.Name, names: frozenset[str], _loops: int) -> None:
        if node.name == LINK and LINK not in names:
            self._fault(node, "link needs a text and an address: link('the log', build_url)")
        elif node.name == _LOOP and _LOOP in names:
            self._fault(node, "loop is no value: write loop.index, loop.first or loop.last")
        elif node.name not in names:
            known = names - {_LOOP}
            self._fault(node, f"there is no name {_shown(node.name)}{suggest_or_list(node.name, known)}")

    def _const(self, node: nodes.Const, *_scope: object) -> None:
        value = node.value
        if isinstance(value, float) or (isinstance(value, int) and value > _LARGEST):
            self._fault(node, f"numbers are whole, and at most {_LARGEST}")

    def _negative(self, node: nodes.Neg, *_scope: object) -> None:
        if isinstance(node.node, nodes.Const):
            self._const(node.node)
        else:
            self._fault(node, "a template does not calculate: - stands before a number only")

    def _for(self, node: nodes.For, names: frozenset[str], loops: int) -> None:
        if loops == _MAX_LOOPS:
            self._fault(node, f"loops stand in at most {_MAX_LOOPS - 1} other: take this one out")
            return
        if node.recursive:
            self._fault(node, "a loop cannot be recursive: leave the word out")
        self._visit(node.iter, names, loops)
        inner = names
        if not isinstance(node.target, nodes.Name):
            self._fault(node.target, "a loop has one name: for image in images")
        elif node.target.name in {_LOOP, LINK} or node.target.name in self._names:
            self._fault(node.target, f"{_shown(node.target.name)} is taken: choose another name")
        elif not _OWN.fullmatch(node.target.name):
            self._fault(node.target, "a name of a loop has letters a to z and digits: choose another one")
        else:
            inner = names | {node.target.name}
        if node.test is not None:
            self._visit(node.test, inner, loops)
        for part in node.body:
            self._visit(part, inner | {_LOOP}, loops + 1)
        for part in node.else_:
            self._visit(part, names, loops)

    def _filter(self, node: nodes.Filter, names: frozenset[str], loops: int) -> None:
        if node.name not in FILTERS:
            problem = f"there is no filter {_shown(node.name)}{suggest_or_list(node.name, FILTERS)}"
            self._fault(node, problem)
        else:
            _, least, most = FILTERS[node.name]
            if node.kwargs or node.dyn_args or node.dyn_kwargs or not least <= len(node.args) <= most:
                count = str(least) if least == most else f"{least} or {most}"
                self._fault(node, f"{node.name} takes {count} values in brackets, without names")
        assert node.node is not None, "only the filter of a block has none"
        for part in (node.node, *node.args):
            self._visit(part, names, loops)

    def _test(self, node: nodes.Test, names: frozenset[str], loops: int) -> None:
        if node.name not in TESTS:
            problem = f"there is no test {_shown(node.name)}{suggest_or_list(node.name, TESTS)}"
            self._fault(node, problem)
        elif node.args or node.kwargs or node.dyn_args or node.dyn_kwargs:
            self._fault(node, f"{node.name} takes no values")
        self._visit(node.node, names, loops)

    def _item(self, node: nodes.Getitem, names: frozenset[str], loops: int) -> None:
        places = [node.arg]
        if isinstance(node.arg, nodes.Slice):
            places = [place for place in (node.arg.start, node.arg.stop) if place is not None]
            if node.arg.step is not None:
                self._fault(node, "a part is [from:to], without a third number")
        whole = node.node.value if isinstance(node.node, nodes.Const) else ""
        if isinstance(whole, str) and all(map(_is_number, places)):
            for place in (node.node, *places):
                self._visit(place, names, loops)
        else:
            self._fault(node, "a place is a number: images[0], sha[:8]")

    def _attribute(self, node: nodes.Getattr, names: frozenset[str], loops: int) -> None:
        if not isinstance(node.node, nodes.Name) or node.node.name != _LOOP:
            self._fault(node, f"no value has a part {_shown(node.attr)}: write a name alone, without .")
            self._visit(node.node, names, loops)
        elif _LOOP not in names:
            self._fault(node, "loop is known in a loop only")
        elif node.attr not in _OF_LOOP:
            problem = f"there is no loop.{_shown(node.attr)}{suggest_or_list(node.attr, _OF_LOOP)}"
            self._fault(node, problem)

    def _call(self, node: nodes.Call, names: frozenset[str], loops: int) -> None:
        if not isinstance(node.node, nodes.Name) or node.node.name != LINK:
            self._fault(node, "the only function is link(text, address)")
            return
        if node.kwargs or node.dyn_args or node.dyn_kwargs or len(node.args) != 2:  # noqa: PLR2004  # as it says
            self._fault(node, "link takes a text and an address: link('the log', build_url)")
            return
        if not _is_address(node.args[1]):
            problem = (
                "an address is commit_url, build_url, page_url, or a text that begins with https://HOST/"
            )
            self._fault(node.args[1], problem)
        for part in node.args:
            self._visit(part, names, loops)

    def _fault(self, node: nodes.Node, problem: str) -> None:
        self._faults.append(TemplateFault(_offset(node), problem))


def _too_large(tree: nodes.Template) -> TemplateFault | None:
    """What cannot be walked through, or compiled, in little time."""
    level, depth, count = list(tree.body), 0, 0
    while level:
        depth, count = depth + 1, count + len(level)
        if depth > _MAX_DEPTH:
            return TemplateFault(_offset(level[0]), "is nested too deep: make it simpler")
        if count > _MAX_NODES:
            return TemplateFault(_offset(level[0]), "has too many parts: make it simpler")
        level = [part for node in level for part in node.iter_child_nodes()]
    return None


def _offset(node: nodes.Node) -> int:
    """The place of a node, or of the first one in it that has one."""
    while not node.lineno:
        node = next(node.iter_child_nodes())
    return node.lineno - 1


def _is_number(node: nodes.Node) -> bool:
    if isinstance(node, nodes.Neg):
        node = node.node
    return isinstance(node, nodes.Const) and type(node.value) is int


def _is_address(node: nodes.Node) -> bool:
    """Whether no text of strangers can decide which host an address leads to."""
    match node:
        case nodes.Name():
            return node.name in ADDRESSES
        case nodes.Const():
            return isinstance(node.value, str) and _ADDRESS.match(node.value) is not None
        case nodes.Concat():
            return isinstance(node.nodes[0], nodes.Const) and _is_address(node.nodes[0])
        case nodes.CondExpr():
            return _is_address(node.expr1) and (node.expr2 is None or _is_address(node.expr2))
        case nodes.Or():
            return _is_address(node.left) and _is_address(node.right)
        case _:
            return False


def _shown(word: str) -> str:
    return word if len(word) <= 40 else f"{word[:40]}…"  # noqa: PLR2004  # a length to read
