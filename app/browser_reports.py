"""What did browsers keep a page of ours from doing? Counted: it may be an attack, or a fault of ours.

Anybody may send such a report, so it proves nothing and changes nothing. https://www.w3.org/TR/CSP3/#reporting
"""

import json
import logging
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Flask, Response, current_app, request
from prometheus_client import CollectorRegistry, Counter

from app import web

log = logging.getLogger(__name__)

bp = Blueprint("browser_reports", __name__)

LONGEST = 16 * 1024  # bytes; browsers send one or two thousand
# Those of our own policy: what else a report names is no label, or whoever sends them fills our memory.
DIRECTIVES = frozenset(directive.split()[0] for directive in web.content_security_policy().split("; "))


def register(app: Flask, registry: CollectorRegistry) -> None:
    app.extensions["browser_reports"] = Counter(
        "rechtdoor_csp_reports",
        "What browsers kept a page from doing, by the directive of its Content-Security-Policy.",
        ["directive"],
        registry=registry,
    )
    app.register_blueprint(bp)


@bp.post(web.REPORTS_OF_BROWSERS)
def report() -> Response:
    request.max_content_length = LONGEST
    for said in _reports(request.get_data()):
        directive = said.get("effective-directive") or said.get("violated-directive")
        # script-src-elem and script-src-attr are what our script-src is broken down to.
        name = str(directive).split(" ")[0].removesuffix("-elem").removesuffix("-attr")
        name = name if name in DIRECTIVES else "other"
        current_app.extensions["browser_reports"].labels(name).inc()
        log.warning(
            "a browser kept a page from something",
            extra={"directive": name, "blocked": _origin_of(str(said.get("blocked-uri", "")))},
        )
    return Response(status=204)


def _reports(raw: bytes) -> list[dict[str, Any]]:
    """Return what was told, in the older form; nothing for what is no report."""
    try:
        said = json.loads(raw)
    except (ValueError, RecursionError):
        return []
    told = said.get("csp-report") if isinstance(said, dict) else None
    return [told] if isinstance(told, dict) else []


def _origin_of(blocked: str) -> str:
    """Return where it would have come from: a keyword such as inline, or a host; never a whole address."""
    try:
        return (urlsplit(blocked).hostname or blocked)[:60] if "/" in blocked else blocked[:20]
    except ValueError:
        return ""
