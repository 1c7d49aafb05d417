"""Does a page stand in anybody's way? What axe finds, in a real browser."""

from pathlib import Path

import axe_playwright_python
from playwright.sync_api import Page

_AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
# An animation that never ends is not waited for.
_AT_REST = """() => Promise.race([
  Promise.allSettled(document.getAnimations().map((one) => one.finished)),
  new Promise((go) => setTimeout(go, 1000)),
])"""


def violations(page: Page, within: str = "html") -> list[str]:
    """Return what axe complains of on the page as it stands; of a part of it where a selector names one."""
    # Half loaded, or on the way from one colour to another, a page is not as it stands.
    page.wait_for_load_state("load")
    page.evaluate(_AT_REST)
    page.evaluate(_AXE)
    run = "(within) => axe.run(within, { resultTypes: ['violations'] })"
    found = page.evaluate(run, within)["violations"]
    return [f"{one['id']}: {node['html'][:160]}" for one in found for node in one["nodes"]]
