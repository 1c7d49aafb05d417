"""On which real parts does a test run? The product's processes, started for one story and watched."""

import os
import secrets
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis

from phonebox.client import Phonebox
from startup import commands
from startup.ports import LOOPBACK, free_port
from startup.probes import answers_http
from startup.process import Process
from startup.redis_server import redis_server
from startup.warden import Warden
from tests import databases

# What a test ran with, by its name: what it said is shown when the test fails.
TELLS: "pytest.StashKey[dict[str, Callable[[], str]]]" = pytest.StashKey()
ROOT = Path(__file__).resolve().parent.parent


def clean_environment() -> dict[str, str]:
    """Return what a process needs of ours: nothing that would change a setting of the product."""
    kept = ("PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "TZ", "SYSTEMROOT")
    return {name: os.environ[name] for name in kept if name in os.environ}


def test_settings(database_url: str, redis_url: str, folder: Path) -> dict[str, str]:
    """Return settings as a deployment gives them, with secrets of their own; `folder` is theirs to use."""
    return {
        "ENV": "test",
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "SECRET_KEY": secrets.token_hex(32),
        "PUBLIC_URL": "http://127.0.0.1:8000",
        "TWILIO_ACCOUNT_SID": "AC" + secrets.token_hex(16),
        "TWILIO_AUTH_TOKEN": secrets.token_hex(16),
        "TWILIO_API_KEY": "SK" + secrets.token_hex(16),
        "TWILIO_API_SECRET": secrets.token_hex(16),
        "TWILIO_API_URL": "http://127.0.0.1:8001",
        "SPOOL_DIR": str(folder / "spool"),
        # A machine that runs tests may be busy with others; how fast we are is bench/'s matter.
        "WEBHOOK_DEADLINE_SECONDS": "10",
        # Nobody here presses by reflex; the test of that sets its own.
        "ANSWER_GUARD_SECONDS": "0",
        # Nor is anybody asked afterwards whether all is well, but in the tests of that.
        "THANKS": "0",
    }


# Its name begins as a test's does.
test_settings.__test__ = False  # type: ignore[attr-defined]


def migrate(url: str, folder: Path) -> None:
    """Bring a database to its newest shape as an operator would."""
    made = subprocess.run(
        commands.flask("db", "upgrade"),
        env={**clean_environment(), **test_settings(url, "redis://127.0.0.1:1/0", folder)},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert made.returncode == 0, f"`flask --app wsgi db upgrade` failed:\n{made.stdout}"


@dataclass(frozen=True, kw_only=True)
class Product:
    """The whole product on ports of its own; any part can be `kill()`ed, `stop()`ped, `start()`ed again."""

    url: str
    phonebox_url: str
    settings: Mapping[str, str]  # the environment that web and worker were given
    redis: Process
    web: Process
    worker: Process
    phonebox: Process

    @property
    def parts(self) -> tuple[Process, ...]:
        return (self.redis, self.worker, self.web, self.phonebox)

    def flask(self, *words: str, **more: str) -> Process:
        """Return a command of the product, such as `flask("users", "create", …)`, not started yet."""
        assert isinstance(self.web.output, Path)
        return Process(
            name="flask " + words[0],
            command=commands.flask(*words),
            warden=self.web.warden,
            env={**clean_environment(), **self.settings, **more},
            folder=ROOT,
            output=self.web.output.parent / f"{words[0]}.log",
        )


@contextmanager
def running_product(
    database_url: str,
    folder: Path,
    warden: Warden,
    *,
    settings: Mapping[str, str] | None = None,
    speed: float = 20,
    patience: float | None = None,
) -> Iterator[Product]:
    """Run web, worker, phonebox and a Redis over a migrated database; logs and data stay in `folder`.

    `settings` are added to the usual ones. `speed` and `patience` are phonebox's: how much faster than life
    it goes, and the time that people have (None: as all else).
    """
    product = _product(database_url, folder, warden, settings or {}, speed, patience)
    started: list[Process] = []
    try:
        product.redis.start()
        started.append(product.redis)
        for part in (product.worker, product.web, product.phonebox):
            part.spawn()
            started.append(part)
        for part in started:
            part.wait_until_ready()
        yield product
    finally:
        for part in reversed(started):
            part.stop()


class KeptProduct:
    """A product that test after test finds running and empty; a new one after a test that stopped a part."""

    def __init__(self, start: Callable[[], AbstractContextManager[Product]]) -> None:
        """`start` runs a product over a new database."""
        self._start = start
        self._running = ExitStack()
        self._product: Product | None = None
        self._processes: tuple[int, ...] = ()

    def fresh(self) -> Product:
        if self._product is not None and self._is_whole(self._product):
            _clear(self._product)
            return self._product
        self.close()
        self._product = self._running.enter_context(self._start())
        self._processes = tuple(part.pid for part in self._product.parts)
        return self._product

    def close(self) -> None:
        self._product = None
        self._running.close()

    def _is_whole(self, product: Product) -> bool:
        is_running = all(part.is_running for part in product.parts)
        return is_running and tuple(part.pid for part in product.parts) == self._processes


def _clear(product: Product) -> None:
    """Forget all that happened; what the worker was doing just now is forgotten by the second reset."""
    phonebox = Phonebox(product.phonebox_url)
    phonebox.reset()
    databases.empty(product.settings["DATABASE_URL"])
    with redis.Redis.from_url(product.settings["REDIS_URL"]) as connection:
        connection.flushall()
    shutil.rmtree(product.settings["SPOOL_DIR"], ignore_errors=True)
    phonebox.reset()


def _product(
    database_url: str,
    folder: Path,
    warden: Warden,
    settings: Mapping[str, str],
    speed: float,
    patience: float | None,
) -> Product:
    web_port, phonebox_port, signal_port = free_port(), free_port(), free_port()
    url, phonebox_url = f"http://{LOOPBACK}:{web_port}", f"http://{LOOPBACK}:{phonebox_port}"
    redis, redis_url = redis_server(folder / "redis", warden, output=folder / "redis.log")
    chosen = {
        **test_settings(database_url, redis_url, folder),
        "PUBLIC_URL": url,
        "TWILIO_API_URL": phonebox_url,
        "SOFTPHONE_SIGNAL": f"{LOOPBACK}:{signal_port}",
        **settings,
    }

    def part(name: str, command: list[str], ready_url: str | None) -> Process:
        return Process(
            name=name,
            command=command,
            warden=warden,
            env={**clean_environment(), **chosen},
            folder=ROOT,
            output=folder / f"{name}.log",
            ready=(lambda: answers_http(ready_url)) if ready_url else None,
        )

    telephone = [*commands.phonebox(phonebox_port, url, chosen), "--speed", str(speed)]
    if patience is not None:
        telephone += ["--patience", str(patience)]
    return Product(
        url=url,
        phonebox_url=phonebox_url,
        settings=chosen,
        redis=redis,
        web=part("web", commands.web(LOOPBACK, web_port), f"{url}/healthz"),
        worker=part("worker", commands.worker(), None),
        phonebox=part("phonebox", telephone, f"{phonebox_url}/phonebox/endpoints"),
    )
