"""The pages about build repositories: what stands now, what was built, and the rule that says so."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import blake2b
from typing import Any, ClassVar, Final
from urllib.parse import quote, urlencode, urlsplit

from starlette.responses import Response

from bridge.model.build import Build, BuildState
from bridge.model.delivery import DeliveryState
from bridge.model.event import RefKind
from bridge.rules.cron import compile_cron
from bridge.rules.export import to_yaml
from bridge.rules.in_force import KnownRepository
from bridge.rules.schema import BuildRepository
from bridge.rules.url import normalised_url
from bridge.store.values import Cursor, DeliveryFilter
from bridge.web.api.core.builds import sees
from bridge.web.api.core.errors import CallError
from bridge.web.api.core.trigger import Order
from bridge.web.api.pages import PAGE_SIZE
from bridge.web.api.queries import MAX_PATH, RepositoryQuery
from bridge.web.pages.badge import badge, look_of
from bridge.web.pages.decisions import without_folders
from bridge.web.pages.failures import labelled
from bridge.web.pages.forms import Form
from bridge.web.pages.i18n import LANGUAGES, TEXTS
from bridge.web.pages.ignored import unwanted
from bridge.web.pages.visit import PageRoute, Subject, Visit

BARS: Final = 10
"""So many builds of each repository are bars in the list."""
BARS_OF_ONE: Final = 20
REFS: Final = 20
TAGS: Final = 20
BADGE_SECONDS: Final = 30
_SVG: Final = "image/svg+xml"
_DONE: Final = frozenset({"disabled", "enabled"})


class RepositoryPages(Subject):
    """The list, one repository, and badges."""

    async def show_list(self, visit: Visit) -> Response:
        query, who = visit.query(RepositoryQuery), visit.principal
        page = self.core.repositories.page(
            who,
            query.namespace,
            query.text,
            size=PAGE_SIZE,
            number=query.page,
            after=query.after,
            before=query.before,
        )
        keys = [known.repository.key for known in page.rows]
        marks = await self.core.store.reports.marks(
            keys, BARS, [key for key in keys if not sees(who, key[0])]
        )
        none: dict[str, str | None] = dict.fromkeys(("page", "before", "after"))
        paths = [known.repository.path for known in page.rows]
        beside = {
            "older": visit.link(**{**none, "after": paths[-1]}) if page.later and paths else None,
            "newer": visit.link(**{**none, "before": paths[0]}) if page.earlier and paths else None,
            "first": visit.link(**none),
        }
        return visit.page("repositories.html", page=page, query=query, marks=marks, beside=beside)

    async def show_one(self, visit: Visit) -> Response:
        known = self._known(visit)
        repository, key = known.repository, known.repository.key
        trusted = sees(visit.principal, repository.namespace)
        reports = self.core.store.reports
        refs = await reports.refs(key, REFS, public=not trusted)
        marks = await reports.marks([key], BARS_OF_ONE, [] if trusted else [key])
        done = visit.request.query_params.get("done")
        return visit.page(
            "repository.html",
            known=known,
            repository=repository,
            trusted=trusted,
            newest=refs[0].state if refs else None,
            refs=await self.core.builds.with_reasons(visit.principal, refs),
            tags=await reports.tags(key, TAGS, public=not trusted),
            marks=marks[key],
            rule=self._rule_text(known) if trusted else "",
            schedules=_schedules(repository, visit.now),
            hook=self._hook(known),
            order=_usual(repository),
            done=done if done in _DONE else None,
            badge=self._badge_links(repository, _usual(repository)[1], refs),
            **await self._pushes(visit, repository),
        )

    async def _pushes(self, visit: Visit, repository: BuildRepository) -> Mapping[str, Any]:
        """How its host calls the code, and its last push that built nothing; for who sees all pushes."""
        who, code = visit.principal, _code_at_host(repository)
        if who is None or who.namespaces is not None or not code:
            return {"code": "", "ignored": None, "unwanted": {}}
        only = DeliveryFilter(repo=code, state=DeliveryState.IGNORED)
        heads = (await self.core.deliveries.page(who, Cursor(), 1, only)).rows
        ignored = replace(heads[0], detail=without_folders(heads[0].detail)) if heads else None
        return {"code": code, "ignored": ignored, "unwanted": await unwanted(self.core, heads)}

    async def build(self, visit: Visit) -> Response:
        """Build what the form names, and go to the first build that is made."""
        repository = self._known(visit).repository

        async def act(form: Form, claim_id: str) -> str:
            kind: RefKind = "tag" if form["kind"] == "tag" else "branch"
            order = Order(ref_kind=kind, ref_name=form["name"], commit=form["commit"].lower() or None)
            first, *_ = await self.core.trigger.trigger(
                visit.caller, repository, order, visit.origin, claim_id
            )
            return f"/builds/{first.id}"

        return await self.done_once(visit, act)

    async def disable(self, visit: Visit) -> Response:
        reason = (await visit.form())["reason"]
        repository = self._known(visit).repository
        await self.core.repositories.disable(visit.principal, repository.key, reason, visit.origin)
        return visit.go(f"/repositories/{repository.path}", done="disabled")

    async def enable(self, visit: Visit) -> Response:
        await visit.form()
        repository = self._known(visit).repository
        await self.core.repositories.enable(visit.principal, repository.key, visit.origin)
        return visit.go(f"/repositories/{repository.path}", done="enabled")

    async def show_badge(self, visit: Visit) -> Response:
        """The badge of a branch, a tag, or the whole repository.

        Of one that there is not it is the same as of one that the reader may not see.
        """
        asked = visit.request.query_params
        ref = asked.get("ref", "")[:MAX_PATH]
        texts = next((TEXTS[one] for one in LANGUAGES if one == asked.get("language")), TEXTS["en"])
        state, is_known, is_public = await self._verdict(visit, ref)
        look = look_of(state)
        label = ref.removeprefix("refs/heads/").removeprefix("refs/tags/") or str(texts("repositories.build"))
        image = badge(label, str(texts(f"repositories.badge_{look.word}")), look.colour).encode()
        tag = f'"{blake2b(image, digest_size=16).hexdigest()}"'
        whose = "public" if is_public else "private"
        headers = {"cache-control": f"{whose}, max-age={BADGE_SECONDS}", "etag": tag}
        if is_known and tag in visit.request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(image, 200 if is_known else 404, headers, _SVG)

    async def _verdict(self, visit: Visit, ref: str) -> tuple[BuildState | None, bool, bool]:
        """How a ref is, whether the reader may know, and whether everyone may."""
        try:
            repository = self._known(visit).repository
        except CallError:
            return None, False, False
        only_public = not sees(visit.principal, repository.namespace)
        state = None
        for name in _full_names(ref):
            state = state or await self.core.store.reports.verdict(repository.key, name, public=only_public)
        return state, True, only_public

    def _known(self, visit: Visit) -> KnownRepository:
        """Raises NotFound."""
        return self.core.repositories.one(visit.principal, visit.path["namespace"], visit.path["name"])

    def _rule_text(self, known: KnownRepository) -> str:
        """The rule as it is in force but for what was disabled by API."""
        rules = self.core.keeper.in_force.rules
        rule = rules.api.before.get(known.repository.key, known.repository)
        return to_yaml(rule.model_dump(mode="json", exclude_unset=True, exclude_none=True))

    def _hook(self, known: KnownRepository) -> str:
        """The address that its Git host has to call; empty where the rule does not say which source it is."""
        source = self.core.keeper.in_force.rules.source_of(known.repository)
        return "" if source is None else f"{(self.settings.public_url or '').rstrip('/')}/hooks/{source}"

    def _badge_links(
        self, repository: BuildRepository, branch: str, refs: Sequence[Build]
    ) -> Mapping[str, str]:
        """The image and its Markdown; a browser asks again for the `shown` one when a build has changed."""
        base = (self.settings.public_url or "").rstrip("/")
        query = f"?{urlencode({'ref': branch})}" if branch else ""
        image = f"/badge/{quote(repository.path)}.svg{query}"
        page = f"/repositories/{quote(repository.path)}"
        states = " ".join(f"{build.id} {build.state}" for build in refs)
        stamp = blake2b(states.encode(), digest_size=6).hexdigest()
        shown = f"{image}{'&' if query else '?'}of={stamp}"
        return {"shown": shown, "markdown": f"[![{repository.path}]({base}{image})]({base}{page})"}

    routes: ClassVar[Sequence[PageRoute]] = (
        PageRoute(
            "GET",
            "/repositories",
            show_list,
            labelled(text="repositories.text", namespace="builds.namespace"),
        ),
        PageRoute("GET", "/repositories/{namespace}/{name}", show_one),
        PageRoute("POST", "/repositories/{namespace}/{name}/build", build),
        PageRoute(
            "POST",
            "/repositories/{namespace}/{name}/disable",
            disable,
            labelled(reason="repositories.reason"),
        ),
        PageRoute("POST", "/repositories/{namespace}/{name}/enable", enable),
        PageRoute("GET", "/badge/{namespace}/{name}.svg", show_badge),
    )


def _usual(repository: BuildRepository) -> tuple[RefKind, str]:
    """What the form proposes: the first branch that a rule names."""
    active = [one for one in repository.build_config.tag_configs if one.is_active]
    patterns = [pattern for one in active if one.code_repo_type == "branch" for pattern in one.refs.wanted]
    return "branch", next((pattern.text for pattern in patterns if pattern.is_exact), "")


def _code_at_host(repository: BuildRepository) -> str:
    """The path of the code at its Git host."""
    config = repository.build_config
    return config.code_path or urlsplit(normalised_url(config.code) or "").path.strip("/")


def _schedules(repository: BuildRepository, now: float) -> list[tuple[str, str, str, float]]:
    """The branch, the cron expression, its zone, and when it is due next."""
    return [
        (one.branch, one.cron, one.timezone, compile_cron(one.cron, one.timezone).next(now))
        for one in repository.build_config.schedule
    ]


def _full_names(ref: str) -> Sequence[str | None]:
    if not ref:
        return [None]
    return [ref] if ref.startswith("refs/") else [f"refs/heads/{ref}", f"refs/tags/{ref}"]
