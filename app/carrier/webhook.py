"""How is a webhook of the carrier's answered? Checked, worked off within a deadline, never with an error.

A view reads the form and returns the work that is to be done in the database. What is said when that can't be
done stands beside each address, since a caller must be told something true whatever has failed.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from flask import Blueprint, Flask, Response, current_app, request
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from werkzeug.exceptions import HTTPException

from app.carrier import forms
from app.carrier.executor import Executor
from app.carrier.spool import Spool
from app.deployment import Deployment
from app.errors import StoreUnavailable, UnknownCall
from config import Settings

log = logging.getLogger(__name__)

# Nobody waits for the answer to news, and it is told only once.
NEWS_DEADLINE_SECONDS = 5.0

# What a view asks of the database: TwiML, or nothing for news.
Work = Callable[[Session], bytes | None]
Otherwise = Callable[[Exception], Response]


@dataclass(frozen=True)
class Entrance:
    """What the webhooks of this process need."""

    settings: Settings
    deployment: Deployment
    executor: Executor
    spool: Spool


def here() -> Entrance:
    entrance: Entrance = current_app.extensions["carrier"]
    return entrance


def open_entrance(app: Flask, entrance: Entrance) -> None:
    """Make ready for blueprints that were made with `webhooks`."""
    app.extensions["carrier"] = entrance


@dataclass(frozen=True)
class _Fails:
    """What is answered at one address when its work can't be done, its form isn't read, or is in doubt."""

    lost: Otherwise
    unread: Callable[[], Response]
    in_doubt: Callable[[], Response] | None


class Webhooks(Blueprint):
    """Addresses of which the carrier waits for the answer."""


def webhooks(name: str, url_prefix: str) -> Webhooks:
    """Return a blueprint into which the carrier alone is let, and which never answers with an error page."""
    bp = Webhooks(name, __name__, url_prefix=url_prefix)

    @bp.before_request
    def guard() -> Response | None:
        fails = _fails()
        return forms.refuse_strangers(fails.unread, fails.in_doubt)

    @bp.errorhandler(Exception)
    def answer_all_the_same(error: Exception) -> Response | HTTPException:
        if isinstance(error, HTTPException) and error.code in (403, 404, 405, 413):
            return error
        log.exception("webhook failed", extra={"call_sid": forms.value("CallSid"), "path": request.path})
        return _fails().lost(error)

    return bp


def is_webhook() -> bool:
    """Whether this request is the carrier's."""
    return isinstance(current_app.blueprints.get(request.blueprint or ""), Webhooks)


def asked(
    bp: Blueprint, *rules: str, lost: Otherwise, unread: Callable[[], Response]
) -> Callable[[Callable[..., Work | Response]], Callable[..., Response]]:
    """Serve addresses at which the carrier asks what to do next; the work returns TwiML.

    `lost` says what to do when the database is away, the call is unknown, or anything else fails; `unread`
    when the form is too long to be read, so that nobody knows who asks, or may have been cut out of another:
    it may tell and change nothing.
    """
    return _served(bp, rules, _Fails(lost, unread, unread), None)


def told(
    bp: Blueprint, *rules: str, lost: Otherwise, reads_doubtful: bool = False
) -> Callable[[Callable[..., Work | Response]], Callable[..., Response]]:
    """Serve addresses at which the carrier tells news, for which nobody waits.

    News that may have been cut out of other news is none, unless the view itself sees to it.
    """
    fails = _Fails(lost, forms.too_long, None if reads_doubtful else forms.done)
    return _served(bp, rules, fails, NEWS_DEADLINE_SECONDS)


def _served(
    bp: Blueprint, rules: tuple[str, ...], fails: _Fails, deadline: float | None
) -> Callable[[Callable[..., Work | Response]], Callable[..., Response]]:
    def serve(read: Callable[..., Work | Response]) -> Callable[..., Response]:
        @wraps(read)
        def view(**named: Any) -> Response:
            try:
                work = read(**named)
                if isinstance(work, Response):
                    return work
                reply = _done(work, deadline)
            except (StoreUnavailable, UnknownCall) as error:
                log.warning(
                    "answered with less known",
                    extra={"call_sid": _call_sid(), "path": request.path, "error": type(error).__name__},
                )
                return fails.lost(error)
            return forms.done() if reply is None else forms.xml(reply)

        view.fails = fails  # type: ignore[attr-defined]
        for rule in rules:
            bp.add_url_rule(rule, view_func=view, methods=forms.METHODS)
        return view

    return serve


def _done(work: Work, deadline: float | None) -> bytes | None:
    """Do the work; once more when another request has just written the same down: now it is found."""
    executor = here().executor
    try:
        return executor.run(work, deadline)
    except IntegrityError:
        return executor.run(work, deadline)


def _call_sid() -> str:
    """Return which call an address or a form names."""
    return str((request.view_args or {}).get("sid") or forms.value("CallSid"))


def _fails() -> _Fails:
    view: Any = current_app.view_functions[str(request.endpoint)]
    fails: _Fails = view.fails
    return fails
