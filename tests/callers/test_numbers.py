"""Does every spelling of a number find the same caller, and nobody's number nobody?"""

import phonenumbers
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.callers import numbers
from app.callers.numbers import for_people, mask, may_be_called, to_e164
from config.numbers import EUROPE, is_ordinary

MOBILE = "+31612345678"


@pytest.mark.parametrize(
    "text",
    [
        "0612345678",
        "06 12345678",
        "06-12345678",
        "06/12345678",
        "06.12.34.56.78",
        "(06) 12 34 56 78",
        "06–1234–5678",
        "612345678",
        "0031612345678",
        "0031 (0)6 12345678",
        "+31612345678",
        "+31 6 12345678",
        "+31 (0)6 12345678",
        "+31(0)612345678",
        "+0031612345678",
        "+0612345678",
        "31612345678",
        "31 6 1234 5678",
        "  0612345678\t",
        "\u202a+31 6 12345678\u202c",
        "０６１２３４５６７８",
        "٠٦١٢٣٤٥٦٧٨",
        "tel:+31-6-12345678",
        "tel:0612345678",
        "tel:0612345678;phone-context=+31",
        "TEL:+31612345678;ext=12",
        "sip:+31612345678@carrier.example",
        "sips:0612345678@10.0.0.1:5061;transport=tls",
        "sip:%2B31612345678@carrier.example",
        "sip:+31612345678;npdi=yes@carrier.example;user=phone",
        "<sip:+31612345678@carrier.example;user=phone>;tag=9",
        '"Ada" <sip:+31612345678@carrier.example>',
        "0612345678 ext. 12",
        "0612345678 toestel 5",
        "0612345678x12",
        "0612345678 #12",
        "+31612345678;ext=5",
    ],
)
def test_every_spelling_of_a_number_is_the_same_caller(text: str) -> None:
    assert to_e164(text, "NL") == MOBILE


@pytest.mark.parametrize(
    ("text", "e164"),
    [
        ("020 123 4567", "+31201234567"),
        ("088 456 78 90", "+31884567890"),
        ("084 123 4567", "+31841234567"),
        ("085-0123456", "+31850123456"),
        ("0800-1234", "+318001234"),
        ("0900 1234", "+319001234"),
        ("+32 475 12 34 56", "+32475123456"),
        ("0032475123456", "+32475123456"),
        ("+44 (0)20 7946 0958", "+442079460958"),
        ("+39 06 698 12345", "+390669812345"),
        ("+1 (415) 867-5309", "+14158675309"),
        ("+3114020", "+3114020"),
    ],
)
def test_numbers_of_every_kind_and_country_are_read_from_the_netherlands(text: str, e164: str) -> None:
    assert to_e164(text, "NL") == e164


@pytest.mark.parametrize(
    ("text", "country", "e164"),
    [
        ("0475 12 34 56", "BE", "+32475123456"),
        ("0171 1234567", "DE", "+491711234567"),
        ("020 7946 0958", "GB", "+442079460958"),
        ("06 698 12345", "IT", "+390669812345"),
        ("(415) 867-5309", "US", "+14158675309"),
        ("0031612345678", "US", MOBILE),
        ("06 12 34 56 78", "FR", "+33612345678"),
    ],
)
def test_a_national_form_is_read_as_the_countrys_own(text: str, country: str, e164: str) -> None:
    assert to_e164(text, country) == e164


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "   ",
        *sorted(numbers.WITHHELD_WORDS),
        "Anonymous",
        "RESTRICTED",
        *sorted(numbers.WITHHELD_DIGITS),
        *(f"+{digits}" for digits in sorted(numbers.WITHHELD_DIGITS)),
        "+7 378 742 833",
        "sip:anonymous@anonymous.invalid",
        "sip:266696687@carrier.example",
        "sip:carrier.example",
        "sip:1001@pbx.example",
        "client:anna",
        "client:+31612345678",
        "112",
        "1888",
        "14020",
        "0",
        "+",
        "+31",
        "06123456",
        "0612345678901",
        "316123456789",
        "0000000000",
        "+999123456789",
        "0800FLOWERS",
        "Jansen 0612345678",
        "0612345678, 0687654321",
        "3,16E+10",
        "+31612345678" + " " * 300,
        "06123\x0045678",
    ],
)
def test_what_identifies_nobody_is_nobody(text: str | None) -> None:
    assert to_e164(text, "NL") is None


@given(st.text(max_size=60), st.sampled_from(["NL", "BE", "US", "IT", "ZZ", ""]))
@example("sip:@", "NL")
@example("<tel:>", "NL")
@example("+00", "NL")
@example("tel:;phone-context=+", "NL")
def test_no_text_at_all_makes_it_fail(text: str, country: str) -> None:
    e164 = to_e164(text, country)
    assert e164 is None or phonenumbers.is_valid_number(phonenumbers.parse(e164))


DIGITS = st.text("0123456789", min_size=3, max_size=11)


@given(
    st.sampled_from(["NL", "BE", "DE", "FR", "ES", "IT", "PL", "SE", "DK", "AT", "CH", "FI", "LU", "HU"]),
    st.sampled_from(["+{code}", "00{code}", "+{code}0", "{code}", "0", ""]),
    st.one_of(DIGITS, st.integers(0, 10)),
    st.text("0123456789", max_size=4),
)
def test_the_quick_way_never_disagrees_with_the_careful_one(
    country: str, before: str, body: str | int, ending: str
) -> None:
    if isinstance(body, int):
        model = phonenumbers.example_number_for_type(country, body)
        body = phonenumbers.national_significant_number(model) if model else "612345678"
        body = body[: len(body) - len(ending)] + ending
    text = before.format(code=phonenumbers.country_code_for_region(country)) + body
    quick = numbers._plainly_written(text, country)
    assert quick is None or quick == numbers._carefully(text, country)


@given(
    st.sampled_from(sorted(EUROPE)),
    st.one_of(DIGITS, st.integers(0, 10)),
    st.text("0123456789", max_size=4),
)
def test_the_quick_way_rings_nobody_whom_the_careful_one_would_not(
    country: str, body: str | int, ending: str
) -> None:
    if isinstance(body, int):
        model = phonenumbers.example_number_for_type(country, body)
        body = phonenumbers.national_significant_number(model) if model else "612345678"
        body = body[: len(body) - len(ending)] + ending
    e164 = f"+{phonenumbers.country_code_for_region(country)}{body}"
    if may_be_called(e164):
        assert is_ordinary(e164, EUROPE)


@pytest.mark.parametrize(
    "text", ["+31612345678", "0031 6 12345678", "06-12345678", "612345678", "31612345678"]
)
def test_the_usual_spellings_take_the_quick_way(text: str) -> None:
    assert numbers._plainly_written(text, "NL") == MOBILE


@pytest.mark.parametrize(
    "e164",
    [MOBILE, "+31201234567", "+31884567890", "+31850123456", "+32475123456", "+442079460958", "+41446681800"],
)
def test_ordinary_numbers_may_be_called_back(e164: str) -> None:
    assert may_be_called(e164)


@pytest.mark.parametrize(
    "e164",
    [
        None,
        "",
        "anonymous",
        "0612345678",
        "+319001234",  # premium
        "+319061234",  # premium
        "+318001234",  # free-phone
        "+31841234567",  # forwarding
        "+31871234567",  # forwarding
        "+3197010212345",  # a machine
        "+3114020",  # a municipality's menu
        "+31662345678",  # a pager
        "+31612",  # no number
        "+881612345678",  # a satellite
        "+870773111632",  # a satellite
        "+14158675309",  # outside Europe
        "+447781012345",  # Guernsey: shares the code of the United Kingdom, not its tariffs
        "+447624312345",  # Isle of Man
        "+449012345678",  # premium, United Kingdom
        "+4969\u0661\u0662\u0663\u0664\u0665\u0666\u0667",  # E.164 has ASCII digits
    ],
)
def test_numbers_that_cost_or_reach_no_person_are_never_called_back(e164: str | None) -> None:
    assert not may_be_called(e164)


def test_who_deploys_it_may_allow_other_countries() -> None:
    numbers.bind(frozenset({"US"}))
    try:
        assert may_be_called("+14158675309")
        assert not may_be_called(MOBILE)
    finally:
        numbers.bind(EUROPE)


def test_logs_get_no_more_than_the_country_and_two_digits() -> None:
    assert mask(MOBILE) == "+31…78"
    assert mask("Ada de Vries") == "…"
    assert mask(None) == "-"


def test_people_read_a_number_as_they_would_dial_it() -> None:
    assert for_people(MOBILE, "NL") == "06 12345678"
    assert for_people(MOBILE, "BE") == "+31 6 12345678"
    assert for_people("not a number", "NL") == "not a number"
