"""How long does a test wait for a page?"""

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
