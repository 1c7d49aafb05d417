"""Do the bench's own helpers tell the truth?"""

import random

import pytest
from twilio.request_validator import RequestValidator
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

from bench import heard
from bench.figures import Goal, compared, percentile, table
from bench.load import parse_answer
from bench.menu import create_menu
from bench.town import AGENTS, Town
from bench.webhooks import form_of_call, new_call_sid, signed_post


@pytest.mark.parametrize(("share", "expected"), [(0.5, 50), (0.99, 99), (1.0, 100), (0.001, 1), (0.995, 100)])
def test_a_percentile_is_a_value_that_was_seen(share: float, expected: int) -> None:
    assert percentile(list(range(100, 0, -1)), share) == expected


def test_no_values_have_no_percentile() -> None:
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)


def test_ratios_are_taken_within_a_round() -> None:
    # The machine was twice as slow in the second round: the ratio is the same.
    figure = compared(
        [50, 25, 60],
        [100, 50, 100],
        measurement="call",
        names=("ours", "floor"),
        quantity="requests/s",
        goal=(Goal.AT_LEAST, 0.5),
    )

    assert (figure.median, figure.low, figure.high) == (0.5, 0.5, 0.6)
    assert figure.is_met


def test_the_table_says_which_goal_is_not_met() -> None:
    figure = compared(
        [3], [1], measurement="call", names=("ours", "floor"), quantity="CPU", goal=(Goal.AT_MOST, 2)
    )

    assert "NOT met" in table([figure])
    assert "≤ 2 ×" in table([figure])


def test_series_of_different_length_are_not_compared() -> None:
    with pytest.raises(ValueError, match="zip"):
        compared([1, 2], [1], measurement="call", names=("ours", "floor"), quantity="CPU")


def test_an_answer_is_whole_when_its_length_has_come() -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/xml\r\nContent-Length: 4\r\n\r\n"

    assert parse_answer(head[:20]) is None
    assert parse_answer(head + b"abc") is None
    assert parse_answer(head + b"abcd") == (200, b"abcd")


def test_the_carriers_validator_accepts_a_call_of_the_bench() -> None:
    form = form_of_call(new_call_sid(), "+31612345678", "+31201234500", "AC" + "0" * 32)
    raw = signed_post("/voice/incoming", form, public_url="https://bellen.example.nl", token="secret")
    head, _, body = raw.partition(b"\r\n\r\n")
    signature = head.partition(b"X-Twilio-Signature: ")[2].partition(b"\r\n")[0].decode()
    request = Request(
        EnvironBuilder(
            method="POST", data=body, content_type="application/x-www-form-urlencoded"
        ).get_environ()
    )

    assert len(request.form) == 28
    assert RequestValidator("secret").validate(
        "https://bellen.example.nl/voice/incoming", request.form, signature
    )


@pytest.mark.parametrize("customers", [300, AGENTS, 10_000])
def test_no_two_callers_of_a_pass_belong_to_one_agent(customers: int) -> None:
    town = Town(customers)

    callers = town.callers(town.agents, random.Random(1))

    assert all(0 <= one < customers for one in callers)
    assert len({town.agent_of(one) for one in callers}) == town.agents


def test_more_callers_than_agents_are_refused() -> None:
    with pytest.raises(ValueError, match="agents"):
        Town(10_000).callers(AGENTS + 1, random.Random(1))


def test_a_menu_is_heard_to_its_end_before_a_telephone_rings() -> None:
    client = create_menu().test_client()

    found = heard.until_it_rings(lambda path, fields: client.post(path, data=fields).data, "/incoming", "13")

    assert (found.webhooks, found.keys) == (3, 2)
    assert 15 < found.speech_seconds < 30


def test_a_menu_that_nobody_answers_never_rings() -> None:
    client = create_menu().test_client()

    with pytest.raises(ValueError, match="no telephone rang"):
        heard.until_it_rings(lambda path, fields: client.post(path, data=fields).data, "/incoming")
