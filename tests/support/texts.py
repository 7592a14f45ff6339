"""The sentences that say why a call was not done, as they stand in the source.

What an expression puts into a sentence is `{}` here. A sentence that cannot be seen in the source is a fault:
then nobody could know whether it has a translation.
"""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import bridge
import bridge.web.api.app  # with all kinds of CallError
from bridge.web.api.core.errors import CallError

ROOT = Path(bridge.__file__).parent
API = ROOT / "web" / "api"
PAGES = ROOT / "web" / "pages"
PASSED_ON = {
    "runtime/git/remote.py": (None, {"Permanent", "Transient"}),
    "forges/push.py": ("check_ref_name", {"BadPayload"}),
    "forges/strictjson.py": (None, {"BadPayload", "KeyTwice"}),
    "store/sql/delivery_ids.py": (None, {"CannotList"}),
    "store/sql/runs.py": (None, {"CannotRetry"}),
    "store/sql/notices.py": (None, {"CannotReplay"}),
    "runtime/sdk_signature.py": (None, {"BadSdkSignature"}),
    "web/api/core/readings.py": (None, {"DeliveryError"}),
    "web/api/core/explain.py": (None, {"DeliveryError"}),
}
"""Exceptions whose texts become those of a CallError: in one function of a module, or in all of it."""
ANSWERED = {"runtime/http_client.py": ("url_fault", "host_fault")}
"""Functions whose answers become part of such a text."""
_ERROR = "super().__init__"
"""How an error with a text of its own says it."""


_TEXTS = (ast.Constant, ast.JoinedStr, ast.IfExp)


def _is_number(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and not isinstance(node.value, str)


def _below(kind: type[CallError]) -> Iterator[str]:
    yield kind.__name__
    for one in kind.__subclasses__():
        yield from _below(one)


@cache
def sentences() -> dict[str, str]:
    """Each sentence, and a place where it is said. Raises AssertionError for one that is not seen."""
    kinds = {"wrong", *_below(CallError)}
    found: dict[str, str] = {}
    for path in [*API.rglob("*.py"), *PAGES.rglob("*.py"), *(ROOT / name for name in PASSED_ON)]:
        name = str(path.relative_to(ROOT))
        only, passed_on = PASSED_ON.get(name, (None, set()))
        own = {one.name for one in _module(path).body if isinstance(one, ast.ClassDef)}
        said = (kinds if path.is_relative_to(API) else kinds - own) | passed_on
        for function in _functions(path):
            if only in {None, getattr(function, "name", "")}:
                found |= {text: f"{name}:{line}" for text, line in _said(function, path, said)}
    for name, names in ANSWERED.items():
        for function in _functions(ROOT / name):
            if getattr(function, "name", "") in names:
                found |= dict.fromkeys(_Reader(function, ROOT / name).returned(), name)
    return found


def _said(function: ast.AST, path: Path, kinds: set[str]) -> Iterator[tuple[str, int]]:
    """What a function says with exceptions of these kinds, and in which lines."""
    reader = _Reader(function, path)
    for node in _own(function):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        name = ast.unparse(node.func)
        text = node.args[1] if name == "wrong" else node.args[0]
        if name in kinds or (name == _ERROR and isinstance(text, ast.Constant)):
            yield from ((one, node.lineno) for one in reader.texts(text))


@cache
def _module(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def _functions(path: Path) -> Iterator[ast.AST]:
    """All functions, and the module itself for what is outside of them."""
    module = _module(path)
    yield module
    yield from (one for one in ast.walk(module) if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef))


def _own(function: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a function without those of functions inside of it."""
    for child in ast.iter_child_nodes(function):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield child
            yield from _own(child)


class _Reader:
    """Reads expressions of one function as sentences."""

    def __init__(self, function: ast.AST, path: Path) -> None:
        self._function = function
        self._path = path

    def texts(self, node: ast.expr) -> Iterator[str]:  # noqa: C901  # a case for each kind of node
        match node:
            case ast.Constant(value=str(text)):
                yield text
            case ast.JoinedStr(values=parts):
                yield "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in parts)
                names = [part.value for part in parts if isinstance(part, ast.FormattedValue)]
                for value in names:
                    yield from self._phrases(value)
            case ast.List(elts=items):
                for item in items:
                    yield from self.texts(item)
            case ast.ListComp(elt=item):
                yield from self.texts(item)
            case ast.IfExp(body=one, orelse=other):
                yield from self.texts(one)
                yield from self.texts(other)
            case ast.Name(id=name):
                values = list(self._values(name))
                assert values, f"{self._path}: what {name} says cannot be seen"
                for value in values:
                    yield from self.texts(value)
            case ast.Call(func=ast.Name(id="str" | "problems_of") | ast.Attribute(attr="text")):
                # Passed on, see PASSED_ON; the words of `problems_of` have a test of their own, and so have
                # the texts of pages.
                pass
            case ast.Call(func=ast.Name(id=name)):
                (function,) = [one for one in _functions(self._path) if getattr(one, "name", "") == name]
                yield from _Reader(function, self._path).returned()
            case _:
                raise AssertionError(f"{self._path}: what {ast.unparse(node)} says cannot be seen")

    def returned(self) -> Iterator[str]:
        """What the function answers, if it is a sentence."""
        for node in _own(self._function):
            if isinstance(node, ast.Return) and isinstance(node.value, ast.Constant | ast.JoinedStr):
                yield from () if ast.unparse(node.value) == "None" else self.texts(node.value)

    def _phrases(self, value: ast.expr) -> Iterator[str]:
        """What a name in a sentence stands for, where that is more than one word."""
        if isinstance(value, ast.Name):
            values = [
                one for one in self._values(value.id) if isinstance(one, _TEXTS) and not _is_number(one)
            ]
            for text in (text for one in values for text in self.texts(one)):
                if any(len(word) > 1 and word.isalpha() for word in text.split()[1:]):
                    yield text

    def _values(self, name: str) -> Iterator[ast.expr]:
        """What is assigned or appended to a name in this function; else the constant of this name."""
        module = _module(self._path)
        imports = [one for one in ast.walk(module) if isinstance(one, ast.ImportFrom) and one.module]
        found = [one.module or "" for one in imports if name in {alias.name for alias in one.names}]
        origins = [ROOT.parent / f"{one.replace('.', '/')}.py" for one in found]
        places = [self._function, module, *(_module(path) for path in origins if path.exists())]
        yield from next((values for place in places if (values := list(_assigned(place, name)))), [])


def _assigned(function: ast.AST, name: str) -> Iterator[ast.expr]:
    for node in _own(function):
        match node:
            case ast.Assign(targets=[ast.Name(id=target)], value=value) if target == name:
                if not isinstance(value, ast.List) or value.elts:
                    yield value
            case ast.AnnAssign(target=ast.Name(id=target), value=ast.expr() as value) if target == name:
                if not isinstance(value, ast.List) or value.elts:
                    yield value
            case ast.Call(func=ast.Attribute(value=ast.Name(id=target), attr="append"), args=[value]):
                if target == name:
                    yield value
            case _:
                pass
