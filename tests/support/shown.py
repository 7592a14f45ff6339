"""Pages as clients of HTTP see them."""

import re

import httpx


async def shown(client: httpx.AsyncClient, path: str, status: int = 200, **headers: str) -> str:
    """The HTML of a page, which has to be answered with this status."""
    answer = await client.get(path, headers=headers)
    assert answer.status_code == status, answer.text
    return answer.text


def words(page: str) -> str:
    """What a reader reads."""
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def once_of(page: str) -> str:
    """What the first form of a page is sent once under."""
    found: str = re.findall(r'name="once" value="([^"]+)"', page)[0]
    return found
