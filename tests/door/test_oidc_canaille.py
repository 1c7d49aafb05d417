"""Does a provider that isn't ours let people in and out? Canaille, as an organisation would run it."""

import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urljoin

import httpx
import pytest
from flask import Flask
from playwright.sync_api import Page, expect
from sqlalchemy import select

import config
from app.db import reading, transaction
from app.records.access import UserSession
from app.records.agents import Agent
from config.directory import Oidc
from phonebox.client import PATIENCE_SECONDS
from startup.ports import free_port as port_that_is_free
from startup.probes import answers_http
from startup.process import Process
from startup.warden import Warden
from tests import factories
from tests.desk import office
from tests.door import canaille_provider
from tests.door.canaille_provider import CLIENT_ID, CLIENT_SECRET, EMAIL, GROUP, NAME, PASSWORD

SCRIPT = Path(canaille_provider.__file__)


@pytest.fixture(scope="module")
def our_port() -> int:
    return port_that_is_free()


@pytest.fixture(scope="module")
def canaille(warden: Warden, our_port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a provider that knows Ada, and us."""
    port = port_that_is_free()
    url = f"http://127.0.0.1:{port}"
    process = Process(
        name="canaille",
        command=[sys.executable, "-W", "ignore", SCRIPT, str(port), f"http://127.0.0.1:{our_port}"],
        warden=warden,
        output=tmp_path_factory.mktemp("canaille") / "log",
        ready=lambda: answers_http(f"{url}/.well-known/openid-configuration"),
    )
    process.start()
    yield url
    process.kill()


@pytest.fixture
def settings(settings: config.Settings, canaille: str, our_port: int) -> config.Settings:
    elsewhere = Oidc(
        issuer=canaille,
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
        scopes="openid email profile groups",
        name="Canaille",
        trusts_email=True,
    )
    return replace(
        settings,
        public_url=f"http://127.0.0.1:{our_port}",
        oidc=elsewhere,
        group_roles=((GROUP, "agent"),),
    )


@pytest.fixture
def ours(flask_app: Flask, our_port: int) -> Iterator[str]:
    """Our address, where Ada has a desk."""
    with transaction() as session:
        factories.agent(session, "ada")
        session.get_one(Agent, "ada").email = EMAIL
    with office.serving(flask_app, our_port) as url:
        yield url


def fill_in(browser: httpx.Client, page: httpx.Response, **values: str) -> httpx.Response:
    """Send the first form of a page that has one of these fields, as a browser does."""
    for form in re.findall(r"<form.*?</form>", page.text, re.DOTALL):
        fields = dict(re.findall(r'<input[^>]*name="([^"]+)"[^>]*value="([^"]*)"', form))
        fields |= {name: "" for name in re.findall(r'<input[^>]*name="([^"]+)"', form) if name not in fields}
        buttons = dict(re.findall(r'<button[^>]*name="([^"]+)"[^>]*value="([^"]*)"', form))
        if values.keys() <= fields.keys() | buttons.keys():
            action = re.search(r'<form[^>]*action="([^"]+)"', form)
            to = urljoin(str(page.url), action[1] if action else "")
            return browser.post(to, data=fields | values)
    raise AssertionError(f"no form with {list(values)} at {page.url}: {page.text[-3000:]}")


def test_ada_comes_in_by_her_organisation_and_goes_out_again(ours: str, canaille: str) -> None:
    with httpx.Client(
        follow_redirects=True, headers={"Accept": "text/html"}, timeout=PATIENCE_SECONDS
    ) as browser:
        page = browser.get(f"{ours}/login/oidc?next=/account")
        assert str(page.url).startswith(canaille)
        page = fill_in(browser, page, login=NAME)
        page = fill_in(browser, page, password=PASSWORD)

        assert str(page.url) == f"{ours}/account"
        with reading() as session:
            row = session.scalars(select(UserSession)).one()
            assert (row.email, row.how) == (EMAIL, "oidc")

        page = browser.post(f"{ours}/logout", data={"csrf": office.token_in(page.text)})
        assert str(page.url) == f"{ours}/login", "signed out there, and sent back"
        again = browser.get(f"{ours}/login/oidc")
        assert str(again.url).startswith(canaille), "asked to sign in anew"


def test_a_browser_goes_the_same_way(page: Page, ours: str, canaille: str) -> None:
    page.goto(f"{ours}/login")
    page.get_by_role("link", name="Inloggen bij Canaille").click()
    page.locator("[name=login]").fill(NAME)
    page.locator("[name=login]").press("Enter")
    page.locator("[name=password]").fill(PASSWORD)
    page.locator("[name=password]").press("Enter")
    expect(page).to_have_url(f"{ours}/desk")

    page.goto(f"{ours}/account")
    page.get_by_role("button", name="Uitloggen", exact=True).click()

    expect(page).to_have_url(f"{ours}/login")
