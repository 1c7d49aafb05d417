"""In which house do people live through things here?"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask

from app import db
from app.api import auth
from app.carrier.rest import Carrier
from app.records.lines import Line
from app.records.outgoing import Hook
from app.records.tokens import Scope
from config import Settings
from tests import town
from tests.api.conftest import Api
from tests.desk import office
from tests.factories import LINE, noon_zone
from tests.forgetting import lives
from tests.forgetting.lives import House


@pytest.fixture
def house(
    flask_app: Flask, settings: Settings, flask_command: Callable[..., Result], tmp_path: Path
) -> Iterator[House]:
    """The town, always open, where it is about noon; another system is told everything, and may write."""
    town.settle()
    with db.transaction() as session:
        line = session.get_one(Line, LINE)
        line.timezone, line.hours = noon_zone(lives.now()), "24/7"
        for key in ("anna", "bram", "carla"):
            office.user(session, key)
        events = ["call.ended", "contact.created", "promise.made", "promise.kept", "promise.broken"]
        session.add(Hook(url="http://127.0.0.1:1/", secret="x", events=events, created_at=lives.now()))
        token = auth.create(session, "crm", Scope.WRITE, None, lives.now())
    api = Api(flask_app.test_client(), token)
    with lives.archive() as archive:
        carrier = Carrier(replace(settings, api_url=archive.url))
        yield House(flask_app, settings, api, archive, carrier, tmp_path, flask_command)
