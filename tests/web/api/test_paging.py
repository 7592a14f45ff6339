"""Lists that are read page by page while rows come: no row twice, none missed, whoever reads what."""

import tempfile
from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path
from typing import Any

import anyio
import httpx
from hypothesis import given, settings
from hypothesis import strategies as st
from support.api import api_of, bearer, client_of, issue
from support.scripted import Store, open_store

from bridge.model.access import Role
from bridge.web.api.pages import PAGE_SIZE

TOKEN = "a-token-of-the-tests"
Made = tuple[str, str, bool]
"""The namespace and the name of the repository of a build, and whether it is public."""
BUILDS = st.tuples(st.sampled_from(["acme", "zhwenh"]), st.sampled_from(["shop", "web"]), st.booleans())
FILTERS = st.fixed_dictionaries(
    {}, optional={"namespace": st.just("acme"), "repo_name": st.just("shop"), "state": st.just("waiting")}
)
LISTS: Mapping[str, Callable[[Any], Any]] = {
    "/v1/builds": lambda document: document["data"],
    "/alauda/v1/builds": lambda document: document,
}


async def fill(store: Store, builds: list[Made], numbers: "count[int]") -> dict[str, Made]:
    """Make these builds; returns which id each has."""
    made = {}
    for namespace, name, public in builds:
        build = await store.add_build(
            str(next(numbers)), is_public=public, namespace=namespace, repo_name=name
        )
        made[build.id] = (namespace, name, public)
        store.clock.advance(0.5)
    return made


def listed(built: Made, wanted: Mapping[str, str], reader: str) -> bool:
    namespace, name, public = built
    seen = public or reader == "admin" or (reader == "viewer" and namespace == "acme")
    return seen and namespace == wanted.get("namespace", namespace) and name == wanted.get("repo_name", name)


async def walk(
    client: httpx.AsyncClient,
    address: str | None,
    link: str,
    data: Callable[[Any], Any],
    meanwhile: Callable[[], Any],
) -> tuple[list[str], str]:
    """The ids of all pages from this one on, and the address of the last one."""
    ids: list[str] = []
    last = ""
    while address is not None:
        answer = await client.get(address)
        assert answer.status_code == 200
        page = data(answer.json())
        found = [row["build_id"] for row in page["results"]]
        assert len(found) <= PAGE_SIZE
        ids += found if link == "next" else reversed(found)
        last, address = address, page[link]
        await meanwhile()
    return ids, last


@settings(max_examples=20)
@given(
    path=st.sampled_from(sorted(LISTS)),
    wanted=FILTERS,
    reader=st.sampled_from(["nobody", "viewer", "admin"]),
    before=st.lists(BUILDS, min_size=15, max_size=70),
    between=st.lists(st.lists(BUILDS, max_size=25), max_size=6),
)
def test_no_row_is_read_twice_and_none_is_missed(
    path: str, wanted: dict[str, str], reader: str, before: list[Made], between: list[list[Made]]
) -> None:
    if path.startswith("/alauda"):
        wanted.pop("state", None)

    async def run() -> None:
        numbers, coming = count(), iter(between)
        with tempfile.TemporaryDirectory() as folder:
            async with open_store(Path(folder)) as store, client_of(api_of(store, tokens=[TOKEN])) as client:
                tokens = {
                    "viewer": bearer(await issue(store, Role.VIEWER, "acme")),
                    "admin": {"authorization": f"Bearer {TOKEN}"},
                }
                client.headers.update(tokens.get(reader, {}))
                made = await fill(store, before, numbers)
                begin = [one for one, built in made.items() if listed(built, wanted, reader)]

                async def more() -> None:
                    made.update(await fill(store, next(coming, []), numbers))

                start = f"{path}?{httpx.QueryParams(wanted)}"
                down, last = await walk(client, start, "next", LISTS[path], more)
                assert down == sorted(begin, reverse=True)
                # Where one page was all, it is the newest one, which moves on with what comes.
                if last == start:
                    return
                up, _ = await walk(client, last, "previous", LISTS[path], more)
                now = [one for one, built in made.items() if listed(built, wanted, reader)]
                assert len(up) == len(set(up))
                assert set(down) <= set(up) <= set(now)
                assert up == sorted(up)

    anyio.run(run, backend_options={"use_uvloop": True})
