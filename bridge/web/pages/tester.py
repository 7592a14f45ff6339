"""The rule tester: what rules make of a delivery or an invented push; nothing is built or written."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final

from pydantic import ValidationError
from starlette.responses import Response

from bridge.config.faults import problems_of
from bridge.model.access import Role
from bridge.rules.export import to_yaml
from bridge.store.values import Cursor, DeliveryFilter
from bridge.web.api.core.errors import CallError, Faulty, Invalid
from bridge.web.api.explain import ExplainOrder, explained
from bridge.web.api.queries import MAX_PATH
from bridge.web.pages.decisions import RefDecision, decisions_of, without_folders
from bridge.web.pages.failures import Failure, Fields
from bridge.web.pages.sentences import faults
from bridge.web.pages.visit import PageRoute, Subject, Visit

FIELDS: Final = (
    "rules",
    "what",
    "delivery_id",
    "headers",
    "body",
    "source",
    "code_repo_client",
    "repository",
    "kind",
    "ref",
    "changed",
    "message",
)
"""The fields of the form; `what` says of which of them the delivery is made."""
_NAMED: Final[Fields] = {
    "push.code_repo_client": ("code_repo_client", "tester.client"),
    "push.repository": ("repository", "tester.repository"),
    "push.branch": ("ref", "tester.ref"),
    "push.tag": ("ref", "tester.ref"),
    "push.changed": ("changed", "tester.changed"),
    "push.message": ("message", "tester.message"),
    "push.source": ("source", "tester.source"),
    "delivery_id": ("delivery_id", "tester.delivery_id"),
    "delivery": ("headers", "tester.headers"),
    "delivery.headers": ("headers", "tester.headers"),
    "delivery.body": ("body", "tester.body"),
    "delivery.source": ("source", "tester.source"),
}
"""What errors call them."""
_NEWEST: Final = 20
_MAX_REFS: Final = 20
"""So many refs of a delivery are on the page."""
_FAULT: Final = re.compile(r"rules(?::(\d+):(\d+))?: (?:([^\s:]+): )?(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class EditorFault:
    """What is wrong in the rules that were given: at which line and column from 1, and that line."""

    line: int
    column: int
    path: str
    problem: str
    text: str


class TesterPages(Subject):
    """The rule tester."""

    async def show(self, visit: Visit) -> Response:
        """The empty form, or one that begins with a stored delivery and the rule of a repository."""
        query = visit.request.query_params
        given = dict.fromkeys(FIELDS, "") | {"what": "push", "kind": "branch"}
        if delivery_id := query.get("delivery", "")[:MAX_PATH]:
            given |= {"what": "delivery", "delivery_id": delivery_id}
        if path := query.get("repository", ""):
            given |= self._of_repository(visit, path)
        if given["what"] == "delivery":
            return await self._tested(visit, given)
        return await self._page(visit, given)

    def _of_repository(self, visit: Visit, path: str) -> dict[str, str]:
        """The rule of a repository, for who may give rules for it, and a push to its code."""
        namespace, _, repo_name = path.partition("/")
        known = self.core.repositories.one(visit.caller, namespace, repo_name)
        config = known.repository.build_config
        found = {"code_repo_client": config.code_repo_client, "repository": config.code}
        if visit.may(Role.MEMBER, namespace):
            document = known.repository.model_dump(mode="json", exclude_unset=True, exclude_none=True)
            found["rules"] = to_yaml(document)
        return found

    async def run(self, visit: Visit) -> Response:
        """Say what the rules make of what was given. It changes nothing: the answer is a page."""
        form = await visit.form()
        given = {name: form.text(name) if name in {"rules", "body"} else form[name] for name in FIELDS}
        return await self._tested(visit, given)

    async def _tested(self, visit: Visit, given: dict[str, str]) -> Response:
        try:
            found = await explained(self.core.explainer, visit.caller, _order(visit, given))
        except Faulty as error:
            return await self._page(visit, given, wrong=_wrong(visit, given, error))
        except CallError as error:
            failed = replace(visit, failure=Failure.of(error, given, _NAMED, is_form=False))
            wrong = await self._faults_beside(visit, given) if isinstance(error, Invalid) else ()
            return await self._page(failed, given, error.status, wrong=wrong)
        refs = [_shown(ref, given) for ref in decisions_of(found, lambda _key: "", lambda _key: None)]
        proof = found[0]["signature"] if found else None
        return await self._page(visit, given, refs=refs, proof=proof)

    async def _faults_beside(self, visit: Visit, given: dict[str, str]) -> Sequence[EditorFault]:
        """What is wrong in the rules, where something else is wrong, too."""
        try:
            await self.core.explainer.given(visit.caller, given["rules"] if given["rules"].strip() else None)
        except Faulty as error:
            return _wrong(visit, given, error)
        except CallError:
            pass
        return ()

    def _files(self, refs: Sequence[RefDecision]) -> list[str]:
        """The files of the rules that build, where they are in one."""
        keys = {(rule.namespace, rule.repo_name) for ref in refs for rule in ref.rules if rule.matches}
        places = self.core.keeper.in_force.rules.places
        found = {without_folders(places[key]).partition(":")[0] for key in keys if key in places}
        return sorted(found)

    async def _page(
        self,
        visit: Visit,
        given: dict[str, str],
        status: int = 200,
        *,
        refs: Sequence[RefDecision] | None = None,
        proof: str | None = None,
        wrong: Sequence[EditorFault] = (),
    ) -> Response:
        names = self.core.keeper.in_force.files.names
        newest = await self.core.deliveries.page(visit.caller, Cursor(), _NEWEST, DeliveryFilter())
        return visit.page(
            "tester.html",
            status,
            given=given,
            refs=None if refs is None else refs[:_MAX_REFS],
            left_out=0 if refs is None else max(0, len(refs) - _MAX_REFS),
            proof=proof,
            wrong=wrong,
            files=self._files(refs) if refs and given["rules"].strip() else [],
            newest=newest.rows,
            kinds=[(kind, kind) for kind in sorted(names.forges)],
            sources=[(name, name) for name in names.sources.names],
            gives_rules=visit.caller.role.includes(Role.MEMBER),
        )

    routes: ClassVar[Sequence[PageRoute]] = (
        PageRoute("GET", "/rules/test", show),
        PageRoute("POST", "/rules/test", run),
    )


def _wrong(visit: Visit, given: Mapping[str, str], error: Faulty) -> Sequence[EditorFault]:
    said = faults(visit.language)
    return [_at(one, given["rules"], said) for one in error.faults]


def _shown(ref: RefDecision, given: Mapping[str, str]) -> RefDecision:
    """What was decided, without the id of a commit that was made up here."""
    return ref if given["what"] != "push" else replace(ref, facts={**ref.facts, "sha": ""})


def _order(visit: Visit, given: dict[str, str]) -> ExplainOrder:
    """What the API would be asked. Raises Invalid."""
    order: dict[str, Any] = {"rules": given["rules"] if given["rules"].strip() else None}
    source = given["source"] or None
    match given["what"]:
        case "delivery":
            order["delivery_id"] = given["delivery_id"]
        case "pasted":
            if not given["headers"].strip() and not given["body"].strip():
                raise Invalid([f"delivery: {visit.text('tester.nothing_pasted')}"])
            order["delivery"] = {
                "headers": _headers(visit, given["headers"]),
                "body": given["body"],
                "source": source,
            }
        case _:
            order["push"] = {
                "code_repo_client": given["code_repo_client"],
                "repository": given["repository"],
                ("tag" if given["kind"] == "tag" else "branch"): given["ref"],
                "changed": [line.strip() for line in given["changed"].splitlines() if line.strip()],
                "message": given["message"],
                "source": source,
            }
    try:
        return ExplainOrder.model_validate(order)
    except ValidationError as error:
        raise Invalid(problems_of(error, ExplainOrder, order)) from None


def _headers(visit: Visit, text: str) -> dict[str, str]:
    """`Name: value` lines. Raises Invalid."""
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        name, colon, value = line.partition(":")
        if not line.strip():
            continue
        if not colon or not name.strip():
            raise Invalid([f"delivery.headers: {visit.text('tester.no_header', line=number)}"])
        found[name.strip()] = value.strip()
    return found


def _at(fault: str, text: str, said: Any) -> EditorFault:
    found = _FAULT.fullmatch(fault)
    line, column, path, problem = found.groups() if found else (None, None, None, fault)
    lines = text.splitlines()
    number = int(line or 1)
    return EditorFault(
        line=number,
        column=int(column or 1),
        path=path or "",
        problem=said(problem),
        text=lines[number - 1] if number <= len(lines) else "",
    )
