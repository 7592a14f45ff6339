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
from support.examples import examples
from support.listed import add_notice, notice_about
from support.scripted import Store, open_store

from bridge.model.access import Role
from bridge.model.build import Build
from bridge.web.api.pages import PAGE_SIZE

TOKEN = "a-token-of-the-tests"
Made = tuple[str, str, bool]
"""The namespace and the name of the repository of a build, and whether it is public."""
BUILDS = st.tuples(st.sampled_from(["acme", "zhwenh"]), st.sampled_from(["shop", "web"]), st.booleans())
FILTERS = st.fixed_dictionaries(
    {}, optional={"namespace": st.just("acme"), "repo_name": st.just("shop"), "state": st.just("waiting")}
)
BUILDS_LISTED = ("/v1/builds", "/alauda/v1/builds")
LISTS = (*BUILDS_LISTED, "/v1/deliveries", "/v1/notices", "/v1/messages")


async def row_about(store: Store, path: str, build: Build, number: int) -> str:
    """What is listed of a build, by its id; numbers are texts that have the same order."""
    match path:
        case "/v1/deliveries":
            return build.origin.delivery_id
        case "/v1/notices":
            await add_notice(store, f"{number:05}", build)
            return f"{number:05}"
        case "/v1/messages":
            await store.messages.add_message(notice_about(f"m{number}", build, store.clock()))
            return f"{number + 1:05}"
        case _:
            return build.id


def ids_of(path: str, rows: list[Any]) -> list[str]:
    if path in BUILDS_LISTED:
        return [row["build_id"] for row in rows]
    return [f"{row['id']:05}" if isinstance(row["id"], int) else row["id"] for row in rows]


async def fill(store: Store, path: str, builds: list[Made], numbers: "count[int]") -> dict[str, Made]:
    """Make these builds; returns which id each has in the list."""
    made = {}
    for namespace, name, public in builds:
        number = next(numbers)
        build = await store.add_build(str(number), is_public=public, namespace=namespace, repo_name=name)
        made[await row_about(store, path, build, number)] = (namespace, name, public)
        store.clock.advance(0.5)
    return made


def listed(path: str, built: Made, wanted: Mapping[str, str], reader: str) -> bool:
    namespace, name, public = built
    public = public and path in BUILDS_LISTED
    seen = public or reader == "admin" or (reader == "viewer" and namespace == "acme")
    return seen and namespace == wanted.get("namespace", namespace) and name == wanted.get("repo_name", name)


async def walk(
    client: httpx.AsyncClient, path: str, address: str | None, link: str, meanwhile: Callable[[], Any]
) -> tuple[list[str], str]:
    """The ids of all pages from this one on, and the address of the last one."""
    ids: list[str] = []
    last = ""
    while address is not None:
        answer = await client.get(address)
        assert answer.status_code == 200
        document = answer.json()
        page = document.get("data", document)
        found = ids_of(path, page["results"])
        assert len(found) <= PAGE_SIZE
        ids += found if link == "next" else reversed(found)
        last, address = address, page[link]
        await meanwhile()
    return ids, last


@settings(max_examples=examples(40))
@given(
    path=st.sampled_from(LISTS),
    wanted=FILTERS,
    reader=st.sampled_from(["nobody", "viewer", "admin"]),
    before=st.lists(BUILDS, min_size=15, max_size=70),
    between=st.lists(st.lists(BUILDS, max_size=25), max_size=6),
)
def test_no_row_is_read_twice_and_none_is_missed(
    path: str, wanted: dict[str, str], reader: str, before: list[Made], between: list[list[Made]]
) -> None:
    if path != "/v1/builds":
        wanted.pop("state", None)
    if path not in BUILDS_LISTED:
        reader = reader.replace("nobody", "viewer")  # these lists take a token
        wanted |= {"namespace": "acme"} if "repo_name" in wanted else {}

    async def run() -> None:
        numbers, coming = count(), iter(between)
        with tempfile.TemporaryDirectory() as folder:
            async with open_store(Path(folder)) as store, client_of(api_of(store, tokens=[TOKEN])) as client:
                tokens = {
                    "viewer": bearer(await issue(store, Role.VIEWER, "acme")),
                    "admin": {"authorization": f"Bearer {TOKEN}"},
                }
                client.headers.update(tokens.get(reader, {}))
                made = await fill(store, path, before, numbers)
                begin = [one for one, built in made.items() if listed(path, built, wanted, reader)]

                async def more() -> None:
                    made.update(await fill(store, path, next(coming, []), numbers))

                start = f"{path}?{httpx.QueryParams(wanted)}"
                down, last = await walk(client, path, start, "next", more)
                assert down == sorted(begin, reverse=True)
                # Where one page was all, it is the newest one, which moves on with what comes.
                if last == start:
                    return
                up, _ = await walk(client, path, last, "previous", more)
                now = [one for one, built in made.items() if listed(path, built, wanted, reader)]
                assert len(up) == len(set(up))
                assert set(down) <= set(up) <= set(now)
                assert up == sorted(up)

    anyio.run(run, backend_options={"use_uvloop": True})
