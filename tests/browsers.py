"""How is the browser of the tests started? As Playwright does it, without what no page of ours needs."""

import re
from pathlib import Path

import playwright

_DRIVER = Path(playwright.__file__).parent / "driver" / "package" / "lib" / "coreBundle.js"
_LIST = r"\bdisabledFeatures = \[\n(.*?)\n\s*\]\.filter"
# Suggestions below the address bar are pages of the browser's own, two beside each of ours that is opened:
# half of what a fresh page costs.
_ADDRESS_BAR = ("WebUIOmniboxPopup", "WebUIOmniboxAimPopup")

ARGUMENTS = (
    "--no-sandbox",  # root, as in a container, may not have one
    "--disable-gpu",  # there is none: one would be made up, at a tenth of all the cost
    "--autoplay-policy=no-user-gesture-required",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    # A machine with no network but loopback offers no candidates otherwise.
    "--allow-loopback-in-peer-connection",
)


def arguments() -> list[str]:
    """Return what to start a Chromium with, beside Playwright's own words."""
    without = _without_in_playwright()
    if not without:
        return [*ARGUMENTS]  # and a browser that does a little too much
    # Of two such lists a browser reads the last: ours must say what Playwright's says.
    return [*ARGUMENTS, "--disable-features=" + ",".join((*without, *_ADDRESS_BAR))]


def _without_in_playwright() -> list[str]:
    found = re.search(_LIST, _DRIVER.read_text(encoding="utf-8"), re.DOTALL)
    return re.findall(r'^\s*"(\w+)"', found[1], re.MULTILINE) if found else []
