"""How do the admin's forms speak, and what do they hear? Texts, numbers, what is wrong beside each field."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from flask import current_app

from app import catalogue, web
from app.api.fields import Defaults, Problem
from app.catalogue import times
from app.lines import notation
from app.lines.dates import OwnDate


def house(code: str, **values: object) -> str:
    """Return a text about lines and people in the reader's language."""
    return catalogue.text(f"house.{code}", web.language(), **values)


def defaults() -> Defaults:
    return Defaults.of(current_app.config["SETTINGS"])


def whole(said: str) -> int | str:
    """Return the number that was written, or what was written instead, for its reader to refuse."""
    said = said.strip()
    return int(said) if said.isascii() and said.isdigit() and len(said) < 8 else said


def filled(form: Mapping[str, str], *names: str) -> dict[str, Any]:
    """Return what was written into these fields; one left empty is as one that isn't there."""
    return {name: text for name in names if (text := form.get(name, "").strip())}


def by_field(problems: Iterable[Problem]) -> dict[str, str]:
    """Return what is wrong with each field, in the reader's words."""
    said: dict[str, str] = {}
    for problem in problems:
        before = f"{said[problem.field]}; " if problem.field in said else ""
        said[problem.field] = before + _in_words(problem)
    return said


def day_of(day: date) -> str:
    """Return a day where there is little room, `ma 23 nov`."""
    return times.short_date(day, web.language(), with_year=False)


def own_hours(own: OwnDate) -> str:
    """Return the hours of a day of its own as people read them."""
    word, _, rest = own.hours.partition(" ")
    code = f"date_{word}" if word in ("until", "from") else "date_closed"
    if word == "closed" and rest:
        code = "date_closed_between"
    if word not in ("closed", "until", "from"):
        code, rest = "date_between", own.hours
    return house(f"{code}_said", times=rest.replace(",", ", "))


def _in_words(problem: Problem) -> str:
    """Say a problem; days of the week are called as in the form."""
    if problem.field == "hours" and "text" in problem.values:
        text = notation.as_shown(str(problem.values["text"]), web.language())
        problem = Problem(problem.field, problem.code, {**problem.values, "text": text})
    return problem.say(web.language())
