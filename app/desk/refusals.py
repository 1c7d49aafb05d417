"""Where can somebody go whom a page refused? Who reads it, and by which ways they get on."""

from flask import Flask, current_app, g, request
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import web
from app.db import reading
from app.desk.masking import country_code_of, dialled
from app.door import first_pages
from app.door.sign_in import current
from app.records.lines import Line
from config import Settings


def register(app: Flask) -> None:
    app.extensions[web.WHO_READS] = who_reads


def who_reads() -> web.Reader:
    """Return who reads a refusal, and the pages, or the telephone number, with which they get on."""
    if web.is_for_citizens(request.path):
        return web.Reader("citizen", telephone=_telephone())
    if (reader := current()) is None:
        return web.Reader("nobody", ways=_others((web.Way("/login", web.t("login_title")),)))
    has_desk = reader.agent is not None
    first = first_pages.first_for(reader.role, has_desk=has_desk)
    pages = [first] if first else []
    pages += [page for page in first_pages.open_to(reader.role, has_desk=has_desk) if page != first]
    ways = tuple(web.Way(page.href, web.t(f"front_{page.code}")) for page in pages)
    return web.Reader(str(reader.role), ways=_others(ways), email=reader.email)


def _others(ways: tuple[web.Way, ...]) -> tuple[web.Way, ...]:
    """Leave out the page that was refused: its link would lead back here."""
    return tuple(way for way in ways if way.href != request.path)


def _telephone() -> web.Way | None:
    """Return the line that wrote to them, else the first that we have; None when we have none."""
    with reading() as session:
        return telephone_of(session, g.get("line"), None)


def telephone_of(session: Session, line: str | None, caller: str | None) -> web.Way | None:
    """Return the number on which to ring us, as a link: this line, or where it isn't ours, our first.

    It is written as it is dialled from `caller`, a number in E.164, or from the country of the deployment.
    """
    number = line if line and session.get(Line, line) is not None else None
    number = number or session.scalar(select(Line.number).order_by(Line.number).limit(1))
    if not number:
        return None
    settings: Settings = current_app.config["SETTINGS"]
    return web.Way(f"tel:{number}", dialled(number, country_code_of(caller, settings.default_country)))
