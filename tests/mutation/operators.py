"""The small mistakes that a sampled run makes: cosmic-ray's, of the kinds that change behaviour."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from types import CodeType
from typing import Any, Final

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator

_NAMES: Final = (
    "AddNot",
    "ExceptionReplacer",
    "NumberReplacer",
    "ReplaceAndWithOr",
    "ReplaceBreakWithContinue",
    "ReplaceContinueWithBreak",
    "ReplaceFalseWithTrue",
    "ReplaceOrWithAnd",
    "ReplaceTrueWithFalse",
    "ReplaceUnaryOperator_Delete_Not",
    "ZeroIterationForLoop",
    *(f"ReplaceBinaryOperator_{kinds}" for kinds in ("Add_Sub", "Sub_Add", "Mul_Add", "BitOr_BitAnd")),
    *(f"ReplaceComparisonOperator_{kinds}" for kinds in ("Eq_NotEq", "NotEq_Eq", "Is_IsNot", "IsNot_Is")),
    *(f"ReplaceComparisonOperator_{kinds}" for kinds in ("Lt_LtE", "LtE_Lt", "Gt_GtE", "GtE_Gt")),
)
_LOG: Final = ("log.", "logger.")
_MEASURE: Final = re.compile(r"^_?[A-Z_]*(MAX|MOST|LONGEST|SECONDS|BYTES|PAGES|ROWS|BATCH|CALLS)")
_SLIGHT: Final = 10


class DropStatement:
    """Leaves out a call, a `raise`, or a write to an attribute, an element or a sum."""

    def mutation_positions(self, node: Any) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
        if node.parent is not None and node.parent.type == "simple_stmt" and _acts(node):
            yield node.start_pos, node.end_pos

    def mutate(self, node: Any, _index: int) -> Any:
        return get_ast(f"{node.get_first_leaf().prefix}pass")


_OPERATORS: Final[list[Any]] = [DropStatement(), *(get_operator(f"core/{name}")() for name in _NAMES)]


@dataclass(frozen=True)
class Mutation:
    """One way to change a source: the nth place at which an operator can be applied."""

    operator: Any
    occurrence: int

    def apply(self, source: str) -> str | None:
        """The changed source; None when it does not compile or says the same."""
        changed: str = mutate_code(source, self.operator, self.occurrence)
        try:
            return None if same(changed, source) else changed
        except SyntaxError:
            return None


def same(one: str, other: str) -> bool:
    """Whether two sources differ in their spelling only."""
    return _meaning(one) == _meaning(other)


@lru_cache(maxsize=8)
def _meaning(source: str) -> CodeType:
    return _without_places(compile(source, "", "exec", dont_inherit=True))


def _without_places(code: CodeType) -> CodeType:
    """The code without what says in which lines it stands."""
    inner = (_without_places(one) if isinstance(one, CodeType) else one for one in code.co_consts)
    return code.replace(co_firstlineno=1, co_linetable=b"", co_consts=tuple(inner))


def mutations(source: str) -> dict[int, list[Mutation]]:
    """What can be changed in each line that decides something."""
    found = defaultdict(list)
    nodes = list(ast_nodes(get_ast(source)))
    for operator in _OPERATORS:
        places = [(node, start) for node in nodes for start, _ in operator.mutation_positions(node)]
        for occurrence, (node, start) in enumerate(places):
            if not _only_said(node) and not _slight(node):
                found[start[0]].append(Mutation(operator, occurrence))
    return found


def _acts(node: Any) -> bool:
    if node.type == "expr_stmt":
        target, sign = node.children[:2]
        return bool(target.type == "atom_expr" or (sign.type == "operator" and sign.value != "="))
    return node.type in {"atom_expr", "raise_stmt"}


def _slight(node: Any) -> bool:
    """Whether it is a number of a measure of the module that is the same measure with one more or less.

    A limit of 2001 characters or a pause of 601 s is another decision, and no mistake that anyone makes; a
    code, a small count or a power of two is not spared.
    """
    before = node.get_previous_sibling()
    if node.type != "number" or (before is not None and before.type == "operator" and before.value == "<<"):
        return False
    holder = node.parent
    while holder.type in {"term", "arith_expr", "shift_expr"}:
        holder = holder.parent
    assigned = holder.parent if holder.type == "annassign" else holder
    top = assigned.type == "expr_stmt" and assigned.parent.parent.type == "file_input"
    named = top and _MEASURE.match(assigned.children[0].get_code(include_prefix=False))
    return bool(named) and ast.literal_eval(node.value) > _SLIGHT


def _only_said(node: Any) -> bool:
    """Whether it stands in an annotation, a decorator, an assertion, a log line or a mere signature."""
    while node.parent is not None:
        before = node.get_previous_sibling()
        sign = before.get_code().strip() if before is not None else ""
        if node.parent.type in {"tfpdef", "annassign"} and sign == ":":
            return True
        if node.parent.type == "funcdef" and sign == "->":
            return True
        if node.type in {"decorator", "assert_stmt"} or (node.type == "funcdef" and _is_signature(node)):
            return True
        if node.type == "atom_expr" and node.get_code(include_prefix=False).startswith(_LOG):
            return True
        node = node.parent
    return False


def _is_signature(function: Any) -> bool:
    """Whether it has no body but a description: others do what it says, with defaults of their own."""
    body = function.children[-1]
    statements = body.children if body.type == "suite" else [body]
    said = [statement for statement in statements if statement.type != "newline"]
    return all(
        statement.type == "simple_stmt" and statement.children[0].type in {"string", "operator"}
        for statement in said
    )
