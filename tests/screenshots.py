"""Makes the pictures of pages in the README and the guides: `.venv/bin/python tests/screenshots.py`."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import anyio
import anyio.to_thread
import httpx
import yaml
from playwright.async_api import Browser, ViewportSize
from support.browser import PHONE, chromium, reading
from support.daemon import SECRET, TOKEN, Daemon
from support.git import Origin
from support.ports import free_port
from support.sending import push_body, send
from support.waiting import eventually

FOLDER: Final = Path(__file__).parents[1] / "bridge" / "guides" / "pictures"
DESK: Final[ViewportSize] = {"width": 1040, "height": 640}
SCALE: Final = 1.25
"""Points of a picture in each one of a page: sharp enough on good screens, and small."""
LOG: Final = """\
$ pip install -r requirements.txt
Successfully installed flask-3.1.0 pytest-8.4.2
$ pytest -q
........................................................................ [ 62%]
..............................F............                              [100%]
=================================== FAILURES ===================================
_________________________________ test_total __________________________________

    def test_total() -> None:
>       assert cart(apples=3, price=2).total == 6
E       assert 5 == 6

tests/test_cart.py:17: AssertionError
=========================== short test summary info ============================
FAILED tests/test_cart.py::test_total - assert 5 == 6
1 failed, 114 passed in 8.21s
"""
Language = Literal["en", "zh-CN"]
PUSHES: Final[Mapping[Language, Sequence[tuple[str, str, str, str]]]] = {
    "en": (
        ("shop", "main", "Show the opening hours", "Nina"),
        ("docs", "main", "Explain how to pay", "Ann Lee"),
        ("web", "main", "Round the total only once", "Tom"),
        ("shop", "fix/login", "Keep people signed in", "Nina"),
        ("pay", "main", "Accept another card", "Ann Lee"),
        ("app", "release/2.5", "Translate the menu", "Tom"),
    ),
    "zh-CN": (
        ("shop", "main", "显示营业时间", "王芳"),
        ("docs", "main", "补充支付说明", "陈工"),
        ("web", "main", "总价只取整一次", "李雷"),
        ("shop", "fix/login", "保持登录状态", "王芳"),
        ("pay", "main", "支持新的银行卡", "陈工"),
        ("app", "release/2.5", "菜单加上英文", "李雷"),
    ),
}
"""Repository, branch, message of the commit, and who pushed it; the builder of `pay` does not answer."""
READER: Final[Mapping[Language, str]] = {"en": "Nina", "zh-CN": "王芳"}
KEY: Final = "a-key-of-the-pictures-with-enough-letters"


@dataclass(frozen=True)
class Picture:
    """A page as one reader sees it; `{failed}` in the path is the id of the build that failed."""

    name: str
    path: str
    language: Language
    scheme: Literal["light", "dark"]
    phone: bool = False


PICTURES: Final = (
    Picture("overview-zh", "/", "zh-CN", "light"),
    Picture("overview-en", "/", "en", "light"),
    Picture("build-zh-phone", "/builds/{failed}", "zh-CN", "light", phone=True),
    Picture("build-en-phone", "/builds/{failed}", "en", "dark", phone=True),
    Picture("deliveries-zh", "/deliveries", "zh-CN", "light"),
    Picture("deliveries-en", "/deliveries", "en", "dark"),
)


def _rule(url: str, name: str, builder: str, duration: str = "2s") -> str:
    tags = [
        {"code_repo_type": "branch", "code_repo_type_value": value, "docker_repo_tag": tag}
        for value, tag in (("main", "latest"), ("release/*", "{1}"))
    ]
    config: dict[str, Any] = {
        "code_repo_client": "Simple",
        "code_repo_clone_url": url,
        "builder": builder,
        "image": f"registry.example.com/acme/{name}",
        "tag_configs": tags,
    }
    if builder == "jenkins":
        config["parameters"] = {"DUMMY_DURATION": duration}
    return yaml.safe_dump({"namespace": "acme", "repo_name": name, "is_public": True, "build_config": config})


@contextmanager
def _team(folder: Path, language: Language) -> Iterator[tuple[Daemon, str]]:
    """A daemon after a morning on which one builder went down, and the id of the build that failed."""
    origin = Origin(folder / "git")
    sha = origin.commit({"build.log": LOG})
    origin.push()
    urls = {name: f"https://git.example.com/acme/{name}.git" for name in ("shop", "docs", "app", "pay")}
    urls["web"] = origin.url
    rules = {
        "shop.yaml": _rule(urls["shop"], "shop", "jenkins"),
        "docs.yaml": _rule(urls["docs"], "docs", "jenkins", "1s"),
        "web.yaml": _rule(urls["web"], "web", "here"),
        "app.yaml": _rule(urls["app"], "app", "jenkins", "1h"),
        "pay.yaml": _rule(urls["pay"], "pay", "old-server"),
    }
    command = ["sh", "-c", "sleep 6; cat build.log; exit 1"]
    config = {
        "sources": {"plain": {"kind": "Simple", "secrets": [SECRET]}},
        "builders": {
            "jenkins": {"kind": "dummy"},
            "here": {"kind": "local", "command": command, "protocols": ["file"]},
            "old-server": {
                "kind": "jenkins",
                "url": f"http://127.0.0.1:{free_port()}",
                "username": "bridge",
                "token": KEY,
                "job": "docker/build-image",
            },
        },
        "api": {"tokens": [TOKEN], "keys": [KEY]},
    }
    daemon = Daemon(folder, config, rules)
    daemon.start()
    try:
        for number, (name, branch, message, author) in enumerate(PUSHES[language]):
            commit = sha if name == "web" else f"{number + 7:x}a3e" * 10
            said = {"id": commit, "message": message, "author": {"name": author, "email": "dev@example.com"}}
            repository = {"full_name": f"acme/{name}", "clone_url": urls[name]}
            body = push_body(urls[name], f"refs/heads/{branch}", commit, commit=said, repository=repository)
            send(daemon.url, body, f"push-{number}").raise_for_status()
        (failed,) = eventually(lambda: daemon.builds(state="failed"), seconds=60)
        eventually(lambda: len(daemon.builds(state="succeeded")) == 2, seconds=60)
        eventually(lambda: 'builder_down{builder="old-server"} 1.0' in _metrics(daemon), seconds=120)
        yield daemon, failed["build_id"]
    finally:
        daemon.kill()


def _metrics(daemon: Daemon) -> str:
    return httpx.get(f"{daemon.url}/metrics", headers={"authorization": f"Bearer {TOKEN}"}).text


async def _take(browser: Browser, daemon: Daemon, token: str, failed: str, picture: Picture) -> None:
    options: dict[str, Any] = {
        "locale": picture.language,
        "color_scheme": picture.scheme,
        "viewport": PHONE if picture.phone else DESK,
        "extra_http_headers": {"authorization": f"Bearer {token}"},
        "device_scale_factor": SCALE,
    }
    async with reading(browser, daemon.url, **options) as (page, _):
        await page.goto(picture.path.format(failed=failed))
        file = FOLDER / f"{picture.name}.png"
        await page.locator("#live:not([hidden])").wait_for()
        await page.screenshot(path=file, animations="disabled", full_page=not picture.phone)
        print(f"{file.name}: {file.stat().st_size >> 10} KiB")  # noqa: T201  # its output


async def _take_all(daemon: Daemon, failed: str, language: Language) -> None:
    name = READER[language]
    made = await anyio.to_thread.run_sync(
        lambda: daemon.command("token", "add", name, "--role", "admin", "--json")
    )
    async with chromium() as browser:
        for picture in PICTURES:
            if picture.language == language:
                await _take(browser, daemon, made.documents[0]["token"], failed, picture)


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for language in PUSHES:
        with tempfile.TemporaryDirectory() as folder, _team(Path(folder), language) as (daemon, failed):
            anyio.run(_take_all, daemon, failed, language)


if __name__ == "__main__":
    main()
