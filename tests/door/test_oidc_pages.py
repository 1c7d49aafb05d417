"""Can everybody use the pages of signing in elsewhere, on any screen?"""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

import config
from app import create_app
from app.db import transaction
from app.voice import webhooks
from config.directory import Oidc
from tests import axe
from tests.desk import office
from tests.door.issuer import CLIENT_ID, CLIENT_SECRET, Issuer, issuer


@pytest.fixture
def provider() -> Iterator[Issuer]:
    with issuer() as running:
        yield running


@pytest.fixture
def settings(settings: config.Settings, provider: Issuer) -> config.Settings:
    elsewhere = Oidc(issuer=provider.url, client_id=CLIENT_ID, client_secret=CLIENT_SECRET, name="Waterrijk")
    return replace(settings, oidc=elsewhere, group_roles=(("Balie", "agent"),))


@pytest.fixture
def url(flask_app: Flask, free_port: int) -> Iterator[str]:
    with office.serving(flask_app, free_port) as url:
        yield url


def looks_right(page: Page) -> None:
    """Whatever the width and the size of the letters: nothing that axe finds, nothing beside the window."""
    for width in (1440, 390, 320):
        page.set_viewport_size({"width": width, "height": 800})
        assert axe.violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_the_sign_in_page_with_two_ways_is_for_everybody(page: Page, url: str, provider: Issuer) -> None:
    page.goto(f"{url}/login")
    looks_right(page)
    expect(page.locator("[name=email]")).to_be_focused()
    page.keyboard.press("Shift+Tab")
    expect(page.get_by_role("link", name="Inloggen bij Waterrijk")).to_be_focused()

    provider.is_away = True
    page.keyboard.press("Enter")

    expect(page.get_by_role("alert")).to_contain_text("Dat werkt wel")
    looks_right(page)


def test_the_link_of_an_operator_opens_a_page_for_everybody(page: Page, url: str, flask_app: Flask) -> None:
    with transaction() as session:
        email = office.user(session, None)
    made = flask_app.test_cli_runner().invoke(args=["directory", "let-in", email])
    link = made.stdout.strip().splitlines()[-1]

    page.goto(f"{url}{link[link.index('/login') :]}")

    looks_right(page)
    expect(page.get_by_role("button", name="Inloggen", exact=True)).to_be_visible()


@pytest.fixture
def without_passwords(settings: config.Settings, free_port: int) -> Iterator[str]:
    application = create_app(replace(settings, passwords=False))
    with office.serving(application, free_port) as url:
        yield url
    webhooks.stop(application)


def test_the_sign_in_page_without_passwords_is_for_everybody(page: Page, without_passwords: str) -> None:
    page.goto(f"{without_passwords}/login")

    looks_right(page)
    expect(page.get_by_role("link", name="Inloggen bij Waterrijk")).to_be_visible()
    expect(page.locator("input[type=password]")).to_have_count(0)
