"""A window of a browser, in which readers of different roles send the forms of pages."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
from playwright.async_api import Page
from support.browser import Faults
from support.daemon import NO_TLS, TOKEN
from support.seen import Seen
from support.waiting import eventually

SAME: Final = {"sec-fetch-site": "same-origin"}
_SUBMIT: Final = "button:not([type=button]), input[type=submit]"


@dataclass
class Window:
    """The page of a reader, and how the last form was answered."""

    page: Page
    faults: Faults
    site: Seen
    status: int = 0
    _sessions: dict[str, Sequence[Any]] = field(default_factory=dict)

    async def become(self, role: str | None, language: str) -> None:
        """Go on as another reader, or as one without a session."""
        await self.page.context.clear_cookies()
        if role is not None:
            if role not in self._sessions:
                self._sessions[role] = self.sign_in(role)
            await self.page.context.add_cookies(self._sessions[role])
        await self._speak(language)

    async def again(self, language: str) -> None:
        """The same page once more, in another language."""
        await self._speak(language)
        self.faults.found.clear()
        answer = await self.page.reload()
        assert answer is not None
        self.status = answer.status

    async def _speak(self, language: str) -> None:
        cookie: Any = {"name": "language", "value": language, "url": self.site.daemon.url}
        await self.page.context.add_cookies([cookie])

    def sign_in(self, role: str) -> Sequence[Any]:
        """The cookies of another browser that has signed in."""
        data = {"token": self.site.tokens[role]}
        answer = httpx.post(f"{self.site.daemon.url}/sign-in", data=data, headers=SAME, verify=NO_TLS)
        assert answer.status_code == 303
        return [
            {"name": name, "value": value, "url": self.site.daemon.url}
            for name, value in answer.cookies.items()
        ]

    def call(self, method: str, path: str, **body: Any) -> Any:
        """The `data` of what the API answers an admin."""
        headers = {"authorization": f"Bearer {TOKEN}"}
        url = f"{self.site.daemon.url}{path}"
        answer = httpx.request(method, url, json=body or None, headers=headers, verify=NO_TLS)
        return answer.raise_for_status().json()["data"]

    async def open(self, path: str) -> None:
        await self.page.goto(self.site.fill(path))

    async def fill(self, **fields: str) -> None:
        """Fill in fields by their names."""
        for name, text in fields.items():
            found = self.page.locator(f'main form [name="{name}"]').first
            if await found.evaluate("one => one.tagName") == "SELECT":
                await found.select_option(text)
            else:
                await found.fill(text)

    async def press(self, action: str, button: str = _SUBMIT) -> None:
        """Send the first form whose address ends so."""
        form = self.page.locator(f'main form[action$="{action}"]').first
        self.faults.found.clear()
        async with self.page.expect_navigation() as begun:
            await form.locator(button).first.click()
        answer = await begun.value
        assert answer is not None
        self.status = answer.status

    def build_in(self, name: str, state: str) -> str:
        """The id of a build of the repository that is in the state."""
        found = eventually(lambda: self.site.daemon.builds(repo_name=name, state=state))
        identity: str = found[0]["build_id"]
        return identity
