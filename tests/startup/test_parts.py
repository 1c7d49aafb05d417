"""Do the parts that every other test stands on hold?"""

import sqlite3

from playwright.sync_api import Page
from sqlalchemy import text

from app.db import Database, transaction


def test_each_test_starts_with_an_empty_database(database: Database) -> None:
    with transaction() as session:
        assert session.execute(text("select count(*) from customers")).scalar_one() == 0
        session.execute(text("create table left_behind (id integer)"))


def test_what_the_test_before_left_is_gone(database: Database) -> None:
    with transaction() as session:
        session.execute(text("create table left_behind (id integer)"))


def test_a_page_is_shown(page: Page) -> None:
    page.goto("data:text/html,<h1>Goedemiddag</h1>")
    assert page.inner_text("h1") == "Goedemiddag"
