"""Which of the calls of a period would the draft have treated otherwise? Each before and after."""

from datetime import datetime, timedelta

from flask import Blueprint, Flask, Response, make_response, render_template, request

from app import web
from app.admin import call_list
from app.admin.simulator import words
from app.agents.teams import EVERYWHERE
from app.clock import utcnow
from app.db import patient_reading
from app.door import sign_in
from app.door.sign_in import OVERSEERS, has_desk, require_role
from app.promises import ledger
from app.routing import comparing
from app.routing.comparing import Compared
from app.routing.tried_rules import rules_of

bp = Blueprint("replays", __name__, url_prefix="/admin/simulate/replay")

USUAL_DAYS = 7
# On one page; all of them are in the API.
MOST_LISTED = 300


def register(app: Flask) -> None:
    app.register_blueprint(bp)


@bp.get("")
@require_role(*OVERSEERS)
def page() -> Response:
    """A long period is gone through in parts, so that no page holds a thread for long.

    Counted are all calls, for the rules are everybody's; listed are those that the reader may see.
    """
    now = utcnow()
    since = _day(request.args.get("since")) or web.in_their_zone(now - timedelta(days=USUAL_DAYS))
    until = _day(request.args.get("until")) or web.in_their_zone(now)
    found, total, done = Compared(), 0, _count(request.args.get("done"))
    if "since" in request.args and since <= until:
        with patient_reading() as session:
            rules = rules_of(session, draft=True)
            ends = until + timedelta(days=1)
            after, part = request.args.get("after") or None, comparing.AT_A_TIME
            found = comparing.compare(session, rules, since, ends, after, part)
            done += found.calls
            if found.next or after:
                total = max(comparing.count(session, since, ends), done)
            names = ledger.names_of(session)
            reach = sign_in.reach(session)
            seen = call_list.seen_among(session, [one.call_sid for one in found.changes], reach)
    else:
        names, reach, seen = {}, EVERYWHERE, frozenset()
    changes = [one for one in found.changes if one.call_sid in seen]
    return make_response(
        render_template(
            "admin/simulate_replay.html",
            found=found,
            is_in_parts=total > 0,
            total=total,
            done=done,
            most_listed=MOST_LISTED,
            is_asked="since" in request.args,
            is_backwards=since > until,
            changes=changes[:MOST_LISTED],
            unlisted=len(changes[MOST_LISTED:]),
            sees_all=reach.is_all,
            names=names,
            since=since.date().isoformat(),
            until=until.date().isoformat(),
            now=now,
            has_desk=has_desk(),
            w=words,
        )
    )


def _count(text: str | None) -> int:
    """Return how many calls the parts before this one had; 0 for what is no number."""
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 9 else 0


def _day(text: str | None) -> datetime | None:
    """Return the midnight with which a day begins for the reader; None for what is no day."""
    try:
        day = datetime.fromisoformat((text or "")[:10])
    except ValueError:
        return None
    return day.replace(tzinfo=web.in_their_zone(utcnow()).tzinfo)
