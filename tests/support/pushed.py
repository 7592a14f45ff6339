"""Pages over a store in which a dispatcher decides what is pushed, by the rules of a folder."""

import html
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import httpx
import yaml
from support.api import api_of, client_of
from support.daemon import SECRET
from support.harness import DispatcherHarness
from support.keeping import keeper_of
from support.scripted import Store, delivery_of
from support.sending import push_body
from support.stored import tag_config_document

from bridge.config.forges import ForgeContext
from bridge.config.settings import SourceSettings
from bridge.registry import FORGES, KINDS
from bridge.store.values import DeliveryRow

URL: Final = "https://git.example.com/shop.git"
SOURCE: Final = {"kind": "Simple", "secrets": [SECRET]}


def rule(namespace: str, *tag_configs: dict[str, Any], repo_name: str = "shop") -> dict[str, Any]:
    """A rule for the code at `URL`: of main, unless tag_configs are given."""
    tags = list(tag_configs) or [tag_config_document("main")]
    config = {"code_repo_client": "Simple", "code_repo_clone_url": URL, "tag_configs": tags}
    return {"namespace": namespace, "repo_name": repo_name, "build_config": config}


class Pushes:
    """What a reader does, and what is pushed meanwhile."""

    def __init__(self, store: Store, harness: DispatcherHarness, client: httpx.AsyncClient) -> None:
        self.client = client
        self._store = store
        self._harness = harness
        self._count = 0

    async def push(self, name: str = "main", *, kind: str = "heads", **data: Any) -> DeliveryRow:
        """A push of a branch or a tag, and what was decided about it."""
        self._count += 1
        body = push_body(URL, ref=f"refs/{kind}/{name}", **data)
        delivery = delivery_of(f"push-{self._count}", self._store.clock(), body=body)
        (row,) = await self._harness.put(delivery)
        self._store.clock.advance(1)
        return row

    async def put(self, key: str, **changes: Any) -> DeliveryRow:
        """Any delivery, and what was decided about it."""
        (row,) = await self._harness.put(delivery_of(key, self._store.clock(), **changes))
        return row

    async def page(self, path: str, status: int = 200, *, language: str = "en") -> str:
        answer = await self.client.get(path, headers={"accept-language": language})
        assert answer.status_code == status, answer.text
        return answer.text

    async def words(self, path: str, status: int = 200, *, language: str = "en") -> str:
        return words(await self.page(path, status, language=language))

    async def form(self, path: str, data: Mapping[str, Any], status: int = 303) -> httpx.Response:
        answer = await self.client.post(path, data=dict(data))
        assert answer.status_code == status, answer.text
        return answer


@asynccontextmanager
async def pushing(store: Store, *rules: dict[str, Any]) -> AsyncIterator[Pushes]:
    folder = store.path.parent / "rules"
    folder.mkdir(exist_ok=True)
    for number, one in enumerate(rules):
        (folder / f"{number}.yaml").write_text(yaml.safe_dump(one, sort_keys=False))
    keeper = await keeper_of(store, folder)
    harness = DispatcherHarness(store, keeper.in_force.rules, FORGES)
    source = SourceSettings.model_validate(SOURCE, context=ForgeContext(KINDS.forges))
    app = api_of(
        store,
        keeper=keeper,
        public_url="https://bridge.example.com",
        sources={"plain": source},
        wake=harness.dispatcher.wake,
    )
    async with harness.running(), client_of(app) as client:
        client.headers["accept-language"] = "en"
        yield Pushes(store, harness, client)


def words(page: str) -> str:
    """What a reader reads of a page."""
    main = re.sub(r"<head>.*?</head>", "", page, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", main)).split())


def once_of(page: str) -> str:
    """What a form of the page sends so that it is done once."""
    (once, *_) = re.findall(r'name="once" value="([^"]+)"', page)
    return str(once)


def row_of(page: str, row_id: str) -> str:
    """What a reader reads in a row of a table."""
    (found,) = re.findall(f'<tr id="{row_id}">(.*?)</tr>', page, flags=re.DOTALL)
    return words(found)
