"""What do the tests of phonebox stand on: an application that answers as it is told, and a real process."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from twilio.rest import Client

from phonebox.client import Phonebox, running
from phonebox.settings import DEVELOPMENT_ACCOUNT_SID, DEVELOPMENT_AUTH_TOKEN
from tests.parts import TELLS
from tests.phonebox.scripted import SPEED, App, OtherHost, Server, handler_for
from tests.servers import answering


@pytest.fixture(scope="session")
def _app() -> Iterator[App]:
    app = App()
    server = Server(("127.0.0.1", 0), handler_for(app))
    server.daemon_threads = True
    with answering(server) as app.url:
        yield app


@pytest.fixture(scope="session")
def _log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("phonebox") / "log"


@pytest.fixture(scope="session")
def _phonebox(_app: App, _log: Path) -> Iterator[Phonebox]:
    with _log.open("w") as log, running(_app.url, speed=SPEED, log=log) as phonebox:
        yield phonebox


@pytest.fixture
def app(_app: App) -> App:
    """The application, with an empty script."""
    _app.script.clear()
    _app.received.clear()
    return _app


@pytest.fixture
def phone(_phonebox: Phonebox, app: App, _log: Path, request: pytest.FixtureRequest) -> Iterator[Phonebox]:
    """A running phonebox in which nothing has happened yet."""
    request.node.stash[TELLS] = {"phonebox": _log.read_text}
    _phonebox.reset()
    _phonebox.change(
        speed=SPEED,
        patience=1,
        action_after_hangup=True,
        redirect_while_ringing=False,
        shared_key=None,
        auth_token=DEVELOPMENT_AUTH_TOKEN,
    )
    yield _phonebox
    _phonebox.reset()


@pytest.fixture
def twilio(phone: Phonebox) -> Iterator[Client]:
    """The official client, unchanged but for the host."""
    http = OtherHost(phone.base_url)
    yield Client(DEVELOPMENT_ACCOUNT_SID, DEVELOPMENT_AUTH_TOKEN, http_client=http)
    if http.session is not None:
        http.session.close()
