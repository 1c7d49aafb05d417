"""Does a page stand in anybody's way? What axe finds, in a real browser."""

from collections.abc import Sequence
from pathlib import Path

import axe_playwright_python
from playwright.sync_api import Page

_AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
# An animation that never ends is not waited for.
_AT_REST = """() => Promise.race([
  Promise.allSettled(document.getAnimations().map((one) => one.finished)),
  new Promise((go) => setTimeout(go, 1000)),
])"""
# Only what is wrong leaves the page: all that axe has looked at weighs as much as the looking.
_RUN = """async ([within, also]) => {
  const rules = Object.fromEntries(also.map((one) => [one, { enabled: true }]));
  const { violations } = await axe.run(within, { resultTypes: ["violations"], rules });
  return violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 160)}`));
}"""


def violations(page: Page, within: str = "html", also: Sequence[str] = ()) -> list[str]:
    """Return what axe complains of on the page as it stands; of a part of it where a selector names one.

    `also` are rules that it leaves out by itself.
    """
    # Half loaded, or on the way from one colour to another, a page is not as it stands.
    page.wait_for_load_state("load")
    page.evaluate(_AT_REST)
    page.evaluate(_AXE)
    return [str(one) for one in page.evaluate(_RUN, [within, [*also]])]
