"""With which words is each process of the product started?"""

import sys
from collections.abc import Mapping
from pathlib import Path

from startup.ports import LOOPBACK

# Long enough for a webhook under way; open event streams never end by themselves and are resumed elsewhere.
GRACEFUL_SECONDS = 3


def web(host: str, port: int, *, workers: int = 1) -> list[str]:
    """The web process: webhooks, pages and event streams on one port. SQLite allows one worker only."""
    return _web("--host", host, "--port", str(port), *_workers(workers))


def web_at(door: int, *, workers: int = 1) -> list[str]:
    """The same on a port that somebody else holds, handed on as an open file."""
    return _web("--fd", str(door), *_workers(workers))


def _workers(number: int) -> tuple[str, ...]:
    return ("--workers", str(number)) if number > 1 else ()


def _web(*options: str) -> list[str]:
    return [
        *(sys.executable, "-m", "uvicorn", "asgi:application", *options),
        *("--http", "app.doors:Patient", "--timeout-graceful-shutdown", str(GRACEFUL_SECONDS)),
        # Addresses carry telephone numbers (`/api/v1/calls?from=…`), which no log may hold.
        "--no-access-log",
    ]


def fallback(host: str, port: int) -> list[str]:
    """The last resort: what `/voice/fallback` needs, without database, Redis or the web process."""
    return [
        *(sys.executable, "-m", "uvicorn", "fallback:application", "--host", host, "--port", str(port)),
        *("--http", "app.doors:Patient", "--timeout-graceful-shutdown", str(GRACEFUL_SECONDS)),
        "--no-access-log",
    ]


def worker() -> list[str]:
    """Sweeper and job worker in one process; any number of them."""
    return [sys.executable, "-m", "app.jobs.worker"]


def phonebox(port: int, app_url: str, settings: Mapping[str, str]) -> list[str]:
    """The telephone company of development, with the account that `settings` give to the product.

    Further options are appended by whoever needs them.
    """
    signal_port = settings.get("SOFTPHONE_SIGNAL", "").rpartition(":")[2] or "0"
    # Mails go elsewhere where the deployment says so: then it takes none, at any free port.
    mail_port = settings.get("SMTP_URL", "").removeprefix(f"smtp://{LOOPBACK}:")
    mail_port = mail_port if mail_port.isdecimal() else "0"
    return [
        *(sys.executable, "-m", "phonebox", "--port", str(port), "--app-url", app_url),
        *("--account-sid", settings["TWILIO_ACCOUNT_SID"]),
        *("--auth-token", settings["TWILIO_AUTH_TOKEN"].split(",")[0]),
        *("--api-key", settings["TWILIO_API_KEY"], "--api-secret", settings["TWILIO_API_SECRET"]),
        *("--signal-port", signal_port, "--mail-port", mail_port),
    ]


def flask(*words: str) -> list[str]:
    """A command of the product: `flask("db", "upgrade")`."""
    return [sys.executable, "-m", "flask", "--app", "wsgi", *words]


def demo(folder: Path) -> list[str]:
    """Write the demo's files into `folder`."""
    return [sys.executable, "-m", "demo", str(folder)]
