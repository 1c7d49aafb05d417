"""How does a test wait for a page?"""

from collections.abc import Callable

from playwright.sync_api import Page

from phonebox.client import PATIENCE_SECONDS

# As Playwright counts.
PATIENCE = int(PATIENCE_SECONDS * 1000)
LOOK_EVERY = 50


def until(page: Page, condition: Callable[[], object], what: str = "it") -> None:
    """Let the page go on until the condition holds."""
    for _ in range(PATIENCE // LOOK_EVERY):
        if condition():
            return
        page.wait_for_timeout(LOOK_EVERY)
    raise AssertionError(f"{what} did not come about")


def resize(page: Page, width: int, height: int = 844) -> None:
    """Give the page a window of this size, and wait until it has it."""
    page.set_viewport_size({"width": width, "height": height})
    page.wait_for_function("(width) => innerWidth === width", arg=width, timeout=PATIENCE)


# Text is asked for by itself: it may stick out of the element that it is in.
_STICKS_OUT = """() => {
  const wide = document.documentElement.scrollWidth;
  if (wide <= innerWidth) return [];
  const found = [];
  const range = document.createRange();
  const nodes = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT | NodeFilter.SHOW_ELEMENT);
  while (nodes.nextNode()) {
    const one = nodes.currentNode;
    range.selectNodeContents(one);
    const box = (one.nodeType === Node.TEXT_NODE ? range : one).getBoundingClientRect();
    if (box.right + scrollX > innerWidth) found.push([box.right + scrollX, one.outerHTML ?? one.data]);
  }
  found.sort(([one], [other]) => other - one);
  return [`${wide} pixels`, ...found.slice(0, 6).map(([right, what]) => `${right}: ${what.slice(0, 100)}`)];
}"""


def sticks_out(page: Page) -> list[str]:
    """Return what makes the page wider than its window, widest first; nothing where it fits."""
    return [str(one) for one in page.evaluate(_STICKS_OUT)]
