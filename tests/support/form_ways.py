"""How readers come to what only a form shows: the ways through the pages, in a window of a browser."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from support.window import Window

NEVER: Final = "/repositories/{namespace}/{never}"
TOKENS: Final = "/admin/tokens"
TESTER: Final = "/rules/test"
LONG: Final = "a-name-without-a-space-" * 20
"""A word that is wider than a phone."""
_OTHER_SITE: Final = "http://127.0.0.1:1/"

Way = Callable[[Window], Awaitable[None]]


async def make_a_token(window: Window, /, **fields: str) -> None:
    await window.open(TOKENS)
    await window.fill(**fields)
    await window.press(TOKENS)


async def revoke(window: Window) -> None:
    made = window.call("POST", "/v1/tokens", name="to be revoked", role="viewer")
    await window.open(f"{TOKENS}/{made['id']}")
    await window.press("/revoke")


async def end_an_own_session(window: Window) -> None:
    window.sign_in("member")
    await window.open("/account")
    await window.press("/end")


async def probe(window: Window, part: str) -> None:
    await window.open(f"/health/test?part={part}")
    await window.press("/health/test")


async def reload(window: Window, name: str = "", text: str = "") -> None:
    """With another file among the rules, which is gone again for the next one."""
    file = window.site.daemon.folder / "rules" / name
    await window.open("/health")
    if name:
        file.write_text(text)
    await window.press("/health/reload")
    if name:
        file.unlink()


async def sign_in(window: Window) -> None:
    """With a wrong token."""
    await window.open("/sign-in?next=/account")
    await window.fill(token="wrong")
    await window.press("/sign-in")


async def sign_out(window: Window) -> None:
    await window.page.context.add_cookies(window.sign_in("viewer"))
    await window.open("/account")
    await window.press("/sign-out")


async def send_after_the_session(window: Window) -> None:
    await window.open(TOKENS)
    await window.fill(name="too late")
    await window.page.context.clear_cookies(name="buildbridge")
    await window.press(TOKENS)


async def send_from_another_site(window: Window) -> None:
    action = f"{window.site.daemon.url}{TOKENS}"
    form = f'<main><form method="post" action="{action}"><input name="name"><button>go</button></form></main>'
    await window.page.route(f"{_OTHER_SITE}*", lambda one: one.fulfill(body=form, content_type="text/html"))
    await window.page.goto(_OTHER_SITE)
    await window.press(TOKENS)


async def retry(window: Window) -> None:
    await window.open("/builds/{build_web}")
    await window.press("/retry")


async def cancel(window: Window) -> None:
    """In each language another one of those that wait for each other."""
    await window.open(f"/builds/{window.build_in('slow', 'running')}")
    await window.press("/cancel")


async def resolve(window: Window, reason: str) -> None:
    """A build whose end no one knows; one that was resolved before runs again."""
    if not window.site.daemon.builds(repo_name="lost", state="unknown"):
        await window.open("/builds/{build_lost}")
        await window.press("/retry")
        window.build_in("lost", "unknown")
    await window.open("/builds/{build_lost}")
    await window.fill(reason=reason)
    await window.press("/resolve")


async def disable(window: Window) -> None:
    await window.open(NEVER)
    if await window.page.locator('form[action$="/enable"]').count():
        await window.press("/enable")
    await window.fill(reason=f"the host moves {LONG}"[:480])
    await window.press("/disable")


async def redeliver(window: Window) -> None:
    await window.open("/deliveries/{delivery_shop}")
    await window.press("/redeliver")


async def choose_deliveries(window: Window, ids: Sequence[str] = ()) -> None:
    await window.open("/deliveries")
    for one in ids:
        await window.page.locator(window.site.fill(f"#delivery-{{{one}}} input")).check()
    await window.press("/deliveries/redeliver")


async def redeliver_several(window: Window) -> None:
    await choose_deliveries(window, ["delivery_ignored", "delivery_strange"])
    await window.press("/deliveries/redeliver")


async def choose_notices(window: Window, query: str, verb: str, count: int = 1) -> None:
    await window.open(f"/notices?{query}")
    for place in range(count):
        await window.page.locator("#rows input[name=id]").nth(place).check()
    await window.press("/notices/chosen", f'button[value="{verb}"]')


async def do_notices(window: Window, query: str, verb: str, count: int = 1) -> None:
    await choose_notices(window, query, verb, count)
    await window.press("/notices/chosen")


async def replay(window: Window) -> None:
    await window.open("/notices/{message}")
    await window.press("/replay")


async def end_a_silence(window: Window) -> None:
    until = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    silence = {"repository": "acme/*", "until": until, "reason": LONG}
    window.call("POST", "/v1/silences", **silence)
    await window.open("/notices")
    await window.press("/end")


async def try_rules(window: Window, /, what: str = "push", **fields: str) -> None:
    await window.open(TESTER)
    await window.page.locator(f'[name=what][value="{what}"]').check()
    await window.fill(**fields)
    await window.press(TESTER)
