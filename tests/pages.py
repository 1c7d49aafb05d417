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
