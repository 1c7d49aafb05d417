"""Who looked at whom, when and why? The requests of /api/v1/consultations, and the register beside them."""

from collections.abc import Mapping
from typing import Annotated, Any

from flask import current_app, jsonify
from flask.typing import ResponseReturnValue
from pydantic import AfterValidator, Field

from app import catalogue, db, web
from app.api import shapes
from app.api.fields import Key, Moment, Phone, Unusable, short
from app.api.problems import ApiProblem
from app.api.routes import READ, Asked, Filters, asked, operation, read
from app.audit import log, logbook, searching
from app.audit.log import Activity
from app.audit.searching import Wanted
from app.records.tokens import Noun


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 18):
        raise Unusable("unknown_after", text=short(text))
    return int(text)


class _OfConsultations(Filters):
    customer: Key | None = Field(None, description="about_consultations_customer")
    phone: Phone | None = Field(None, description="about_consultations_phone")
    since: Moment | None = Field(None, description="about_consultations_since")
    until: Moment | None = Field(None, description="about_consultations_until")
    after: Annotated[str, AfterValidator(_number)] | None = Field(None, description="about_after")

    @classmethod
    def given(cls, body: Mapping[str, Any]) -> dict[str, Any]:
        # A plus that wasn't encoded arrives as a space.
        plain = {**body, "phone": "+" + body["phone"].strip()} if body.get("phone", "")[:1] == " " else body
        return super().given(plain)


def list_consultations() -> ResponseReturnValue:
    said = asked(_OfConsultations)
    whom = log.person(said.customer, said.phone)
    wanted = Wanted(
        sort="look_up", subjects=whom, since=said.since, until=said.until, after=int(said.after or 0)
    )
    source = logbook.Source(current_app.config["SETTINGS"].public_url)
    with db.reading() as session:
        lines = searching.oldest_first(session, wanted, said.limit + 1)
    shown = lines[: said.limit]
    read(*whom, list="consultations", rows=len(shown))
    following = str(shown[-1].number) if len(lines) > said.limit else None
    return jsonify(items=[logbook.consultation(line, source) for line in shown], next=following)


def list_activities() -> ResponseReturnValue:
    asked(Asked)
    return jsonify(items=[_activity(one) for one in logbook.ACTIVITIES])


def get_activity(activity: str) -> ResponseReturnValue:
    if activity not in logbook.ACTIVITIES:
        raise ApiProblem(404, "not_found")
    return jsonify(_activity(Activity(activity)))


def _activity(one: Activity) -> dict[str, Any]:
    language = web.language_asked_for()
    return {
        "id": logbook.Source(current_app.config["SETTINGS"].public_url).activity(one),
        "activity": str(one),
        "name": catalogue.text(f"audit.activity_{one}", language),
        "purpose": catalogue.text(f"audit.activity_about_{one}", language),
        "look_ups": [str(what) for what, why in log.LOOK_UPS.items() if why == one],
    }


def enter() -> None:
    """Enter the requests where the description is to show them."""
    operation(
        "GET",
        "/consultations",
        scope=READ,
        noun=Noun.AUDIT,
        answers={200: shapes.Consultation},
        is_page=True,
        query=_OfConsultations,
    )(list_consultations)
    operation("GET", "/processing-activities", scope=READ, noun=Noun.AUDIT, answers={200: shapes.Activities})(
        list_activities
    )
    operation(
        "GET",
        "/processing-activities/<activity>",
        scope=READ,
        noun=Noun.AUDIT,
        answers={200: shapes.Activity},
    )(get_activity)
