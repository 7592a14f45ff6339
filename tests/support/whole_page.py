"""What is wrong with a page in a browser: its words, its width, and what its scripts did."""

import re
from typing import Final

from playwright.async_api import Page
from support.browser import DESK, PHONE, Faults

_ENGLISH: Final = re.compile(r"\b[a-z]{2,}(?: [a-z]{2,}){2,}\b")
HAN: Final = re.compile("[\u4e00-\u9fff]")
_OURS: Final = """
() => {
  const copy = document.body.cloneNode(true);
  copy.querySelectorAll("bdi:not(.said), code, pre, textarea, [lang], script").forEach(one => one.remove());
  const attributes = [...copy.querySelectorAll("[title], [aria-label], [placeholder], [alt]")]
    .map(one => ["aria-label", "placeholder", "alt"].map(name => one.getAttribute(name) || "").join(" "));
  copy.querySelectorAll("bdi.said").forEach(one => one.remove());
  const said = [...document.querySelectorAll("bdi.said")].map(one => one.textContent);
  return {ours: [copy.textContent, document.title.replace(/ · Buildbridge$/, ""), ...attributes], said};
}
"""
"""The words of ours in a page, without what strangers wrote; what the bridge has stored stands apart."""


async def wrongs(page: Page, faults: Faults, language: str, status: int) -> list[str]:
    """What is wrong with the page, whose answer had the status, on a phone and on a desk."""
    await page.wait_for_load_state("load")
    found = await untranslated(page, language)
    spoken = await page.evaluate("document.documentElement.lang")
    found += [f"lang={spoken}"] if spoken != language else []
    for size in (PHONE, DESK):
        await page.set_viewport_size(size)
        width = await page.evaluate("document.documentElement.scrollWidth")
        found += [f"{width} wide on {size['width']}"] if width > size["width"] else []
    return found + [one for one in faults.found if f"status of {status}" not in one]


async def untranslated(page: Page, language: str) -> list[str]:
    """Texts of ours that are not in the language of the page."""
    found = await page.evaluate(_OURS)
    if language == "en":
        return [one for one in found["ours"] if HAN.search(one)]
    ours = [match[0] for text in found["ours"] for match in _ENGLISH.finditer(text)]
    return ours + [one for one in found["said"] if not HAN.search(one) and _ENGLISH.search(one)]
