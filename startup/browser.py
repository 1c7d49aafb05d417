"""Which browser do the tests use, and how does a machine without one get it?"""

import os
import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FETCHED = ROOT / ".venv" / "chromium" / "chromium"
ON_PATH = ("chromium", "chromium-browser", "google-chrome")
ON_MACOS = (
    Path("/Applications/Chromium.app/Contents/MacOS/Chromium"),
    Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"),
)
NONE_FOUND = "no Chromium on this machine: run `make browser`, or set BROWSER_BIN to one"


def find_browser() -> Path | None:
    """Return a Chromium to start, or None. BROWSER_BIN wins."""
    if named := os.environ.get("BROWSER_BIN"):
        return Path(named)
    for name in ON_PATH:
        if found := shutil.which(name):
            return Path(found)
    return next((path for path in (FETCHED, *ON_MACOS) if path.exists()), None)
