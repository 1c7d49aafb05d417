"""A call between Anna and Ada, and both their browsers."""

import pytest
from flask import Flask

from config import Settings
from tests.screen import table
from tests.screen.table import Agent, Customer


@pytest.fixture
def anna(flask_app: Flask, settings: Settings) -> Agent:
    table.set_up()
    return Agent(flask_app, settings)


@pytest.fixture
def ada(flask_app: Flask, anna: Agent) -> Customer:
    """Ada's telephone, let in with a code; nobody has checked yet that it is Ada."""
    browser = Customer(flask_app)
    assert browser.type(anna.code()).status_code == 303
    return browser
