"""Is it counted what browsers keep a page of ours from doing, and nothing else done with it?"""

import json

import pytest
from flask.testing import FlaskClient

from tests.test_metrics import metrics


def told(client: FlaskClient, body: bytes) -> int:
    return client.post("/csp-reports", data=body, content_type="application/csp-report").status_code


def report(**said: str) -> bytes:
    return json.dumps({"csp-report": {"document-uri": "https://x/c/secret"} | said}).encode()


def test_what_a_browser_kept_a_page_from_is_counted_by_its_directive(
    client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    assert "report-uri /csp-reports" in client.get("/login").headers["Content-Security-Policy"]

    blocked = "https://evil.example/x.js?number=0612345678"
    assert told(client, report(**{"effective-directive": "script-src-elem", "blocked-uri": blocked})) == 204
    assert told(client, report(**{"violated-directive": "img-src 'self'", "blocked-uri": "inline"})) == 204

    counted = metrics(client)
    assert counted["rechtdoor_csp_reports_total", "script-src"] == 1
    assert counted["rechtdoor_csp_reports_total", "img-src"] == 1
    said = [vars(record) for record in caplog.records if "kept a page" in record.message]
    assert [one["blocked"] for one in said] == ["evil.example", "inline"]
    assert "0612345678" not in str(said)
    assert "secret" not in str(said)


@pytest.mark.parametrize(
    "body",
    [b"", b"[", b"[" * 9000, b"{}", b'{"csp-report": 3}', report(**{"effective-directive": "made-up"})],
)
def test_whatever_is_sent_makes_no_label_and_no_error(client: FlaskClient, body: bytes) -> None:
    assert told(client, body) == 204
    labels = {label for name, label in metrics(client) if name == "rechtdoor_csp_reports_total"}
    assert labels <= {"other"}


def test_a_report_that_is_too_long_is_not_read(client: FlaskClient) -> None:
    assert told(client, b"x" * 17_000) == 413


@pytest.mark.parametrize("path", ["/healthz", "/metrics", "/api/v1/openapi.json"])
def test_what_is_no_page_does_nothing_when_it_is_opened_as_one(client: FlaskClient, path: str) -> None:
    policy = client.get(path).headers["Content-Security-Policy"]
    assert policy == "default-src 'none'; frame-ancestors 'none'"
