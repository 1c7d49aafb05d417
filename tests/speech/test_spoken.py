"""Is a number understood, however it is said?"""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.callers.named_numbers import named
from app.speech.kinds import Kind
from app.speech.spoken import number, phone
from tests.speech.saying import Utterance, utterance


@pytest.mark.parametrize(
    ("said", "heard"),
    [
        ("06 12 34 56 78", "0612345678"),
        ("nul zes een twee drie vier vijf zes zeven acht", "0612345678"),
        ("Nul zes, twaalf vierendertig zesenvijftig achtenzeventig.", "0612345678"),
        ("mijn nummer is nul zes tweeëntwintig", "0622"),
        ("zero six, twelve", "0612"),
        ("dat weet ik niet", ""),
        ("", ""),
    ],
)
def test_digits_and_number_words_are_heard(said: str, heard: str) -> None:
    assert number(said, "NL").digits == heard


@pytest.mark.parametrize(
    ("said", "heard"),
    [
        ("Ik heb een Nederlands nummer, nul zes 12 34 56 78", "+31612345678"),
        ("een Nederlands nummer: 06 12 34 56 7 acht", "+31612345678"),
        ("nul zes twaalf, eh, vierendertig zesenvijftig 78", "+31612345678"),
        ("nul zes, dat is 12 34, en dan 56 78", "+31612345678"),
        ("Het is nul zes een twee drie vier vijf zes zeven acht hoor", "+31612345678"),
        ("nul zes twee drie vier vijf zes zeven acht een", "+31623456781"),
        ("Bel na 5 uur op 06 12345678", "+31612345678"),
        ("I have one Dutch number, zero six one two three four five six seven eight", "+31612345678"),
        ("oh sorry it is oh six one two three four five six seven eight", "+31612345678"),
        ("plus 31 6 12 34 56 78", "+31612345678"),
        ("0612345678, ik herhaal, nul zes een twee drie vier vijf zes zeven acht", "+31612345678"),
        ("nee niet 06 12345678 maar 06 87654321", None),
        ("ik heb een vraag over een paspoort", None),
        ("een", None),
        ("", None),
    ],
)
def test_a_telephone_number_is_found_among_other_words(said: str, heard: str | None) -> None:
    found = phone(said, "NL")
    assert (found[1] if found else None) == heard


_WORDS = ["nul", "een", "twee", "drie", "vier", "vijf", "zes", "zeven", "acht", "negen"]


@given(
    st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=8, max_size=8),
    st.sampled_from(
        ["", "Ik heb een Nederlands nummer, ", "Mijn nummer is ", "een moment hoor: ", "Ja dat is "]
    ),
    st.sampled_from(["", ".", " graag", " dank u wel", " hoor"]),
)
def test_words_and_figures_may_be_mixed_as_one_likes(
    said: list[tuple[int, bool]], before: str, after: str
) -> None:
    subscriber = "".join(str(digit) for digit, _ in said)
    spoken = " ".join(_WORDS[digit] if in_words else str(digit) for digit, in_words in said)
    expected = "+316" + subscriber
    found = phone(f"{before}nul 6 {spoken}{after}", "NL")
    # 06 6 are pagers and 06 7, 06 9 are no mobiles: whatever it is, it is what was said.
    assert found is None or found == ("06" + subscriber, expected)
    if subscriber[0] in "12345" and not subscriber.endswith("1"):
        assert found is not None


@pytest.mark.parametrize(
    ("written", "numbers"),
    [
        ("liever op 06 1234 5678", {"+31612345678"}),
        ("Bel mij na 17.00 op 06-12345678 aub", {"+31612345678"}),
        ("24-11 06 12345678", {"+31612345678"}),
        ("mijn vaste lijn: (020) 123 45 67.", {"+31201234567"}),
        ("+32 475 12 34 56 of 0032475123457", {"+32475123456", "+32475123457"}),
        ("zaak 2026-001234, na 10.30 uur", set()),
        ("op 24-11-2026", set()),
    ],
)
def test_a_number_is_found_in_what_somebody_wrote(written: str, numbers: set[str]) -> None:
    assert named(written, "NL") == numbers


@pytest.mark.parametrize(
    ("said", "digits", "kind"),
    [
        ("nul zes tweeentwintig dubbel zeven drie keer nul twaalf", "06227700012", "case"),
        ("nul zes een dubbele zeven twaalf dertien veertien", "0677121314", "phone"),
        ("nul zes dertien vieren twintig vijfen dertig zessen veertig", "0613243546", "phone"),
        ("nulzes twaalfvierendertig zesenvijftigachtenzeventig", "0612345678", "phone"),
        ("nul zes honderdtwaalf, 34 56 7", "0611234567", "phone"),
        ("dossier vijfhonderd en eenendertig zes honderd en zevenentachtig", "531687", "case"),
        ("zero six forty-six four four, zero six hundred and thirty two", "0646440632", "phone"),
        ("nul tien vier zeventien zesentwintig negenentachtig", "0104172689", "phone"),
        ("+31 (0)6 12345678", "+31612345678", "phone"),
        ("double oh three one six twelve thirty four fifty-six seventy eight", "0031612345678", "phone"),
        ("nul zes twaalf vijfendertig nee vierendertig zesenvijftig achtenzeventig", "0612345678", "phone"),
        ("nul zes twaalf vierendertig zesenvijftig zeven zeven, nee, acht", "0612345678", "phone"),
        ("06 12345678, zaak 48213", "48213", "case"),
        ("mijn nummer is 0612345678 en mijn zaaknummer is vier acht twee een drie", "48213", "case"),
        ("zaaknummer vijf, nee niet vijf maar zes, drie vier", "634", "case"),
        ("zaaknummer 2024 815, nee 2024 816", "2024816", "case"),
        ("dossier acht vijf een een moment twee", "85112", "case"),
        ("het gaat over zaak Z-2024-0815", "Z20240815", "case"),
        ("zaak zet tweeduizend vierentwintig streepje nul acht vijftien", "Z20240815", "case"),
        ("zaaknummer 12345, twee weken geleden", "12345", "case"),
        ("case number twenty twenty four dash oh eight one five", "20240815", "case"),
        ("vijfendertighonderd elf Anna Bernard", "3511AB", "postcode"),
        ("twaalf vierendertig p van Pieter en de k van Karel", "1234PK", "postcode"),
        ("1234 dubbel a", "1234AA", "postcode"),
        ("Mijn postcode is 9711 LM en mijn huisnummer is 24", "9711LM", "postcode"),
        ("drieduizend vijfhonderd elf kilo x-ray", "3511KX", "postcode"),
        ("in 2024 is een brief gekomen", "2024", "other"),
        ("twaalf maart negentienvijfenzestig", "1965-03-12", "date"),
        ("geboren op de vijfde van de zesde vijfenzestig", "1965-06-05", "date"),
        ("31-02-1965", "31021965", "other"),
        ("ik heb twee kinderen en drie keer gebeld", "", "other"),
        ("bel 06 12345678 of 06 87654321", "", "other"),
        ("zaaknummer een miljoen tweehonderdduizend", "1200000", "case"),
        ("dossier drie miljoen vierhonderdduizend vijfhonderd twaalf", "3400512", "case"),
        ("case number one million two hundred thousand and five", "1200005", "case"),
        ("zaak 200 duizend", "200000", "case"),
        ("zaaknummer 1,2 miljoen", "12000000", "other"),
        ("een half miljoen, anderhalf miljoen", "", "other"),
        ("het kost twee miljoen euro en er wonen een miljoen mensen", "", "other"),
        ("we zitten met veertigduizend euro schuld", "", "other"),
        ("drie zessen en een zeven", "6667", "other"),
        ("zaaknummer een zeven en drie zessen en twee vieren", "766644", "case"),
        ("zaaknummer drie keer de zes en een zeven", "6667", "case"),
        ("zaaknummer tien nullen en een acht", "00000000008", "case"),
        ("case number two fours and a nine", "449", "case"),
        ("nul zes twee vieren drie zessen een zeven en twee achten", "0644666788", "phone"),
        ("zaaknummer drie zessen een zeven", "66617", "other"),
        ("zaaknummer drie keer een nul en een zeven", "11107", "other"),
        ("zaaknummer een twee drie en een vier", "12314", "other"),
        ("zaaknummer vijf drie en een zeven acht", "53178", "other"),
        ("3512 en dan de letters J en K", "3512JK", "postcode"),
        ("vijfendertig twaalf, daarna de letter jee en de letter kaa", "3512JK", "postcode"),
        ("3512 gevolgd door een J en een K", "3512JK", "postcode"),
        ("3512 met de letters e en n", "3512EN", "postcode"),
        ("vierenzeventighonderd en een m van Maria g van Gerard", "7401MG", "postcode"),
        ("3512 with the letters J and K", "3512JK", "postcode"),
        ("3512 letters van de overheid", "3512", "other"),
        ("zaak met de letters ZK en dan 2024 schuine streep 815", "ZK2024815", "case"),
        ("zaaknummer 2024 punt 0815 met de letter B", "20240815B", "case"),
        ("zaaknummer twee een daarna een J", "21J", "case"),
        ("zaaknummer 48213 en dan een E-mail gestuurd", "48213", "case"),
    ],
)
def test_what_is_said_is_taken_for_what_it_is(said: str, digits: str, kind: str) -> None:
    found = number(said, "NL")
    assert (found.digits, str(found.kind)) == (digits, kind)


@pytest.mark.parametrize(
    ("said", "asked", "digits"),
    [
        ("vijf zes negentienhonderdvijfenzestig", Kind.DATE, "1965-06-05"),
        ("een twee drie vier", Kind.CASE, "1234"),
        ("mijn nummer is 06 12345678 en de zaak is 48213", Kind.PHONE, "0612345678"),
        ("twaalf vierendertig", Kind.POSTCODE, "1234"),
        ("dat weet ik niet", Kind.CASE, ""),
    ],
)
def test_what_was_asked_for_is_found_beside_other_things(said: str, asked: Kind, digits: str) -> None:
    found = number(said, "NL", asked)
    assert found.digits == digits


def test_of_very_many_ways_to_say_a_number_hardly_any_is_misunderstood() -> None:
    random = Random(20_261_130)
    said = [utterance(random) for _ in range(2000)]

    wrong = [one for one in said if _read(one) != (one.digits, one.kind)]

    assert len(wrong) <= len(said) * 0.005, wrong


def _read(said: Utterance) -> tuple[str, str]:
    found = number(said.text, "NL")
    return found.digits, str(found.kind)
