"""Is a name that was heard known for whose it is, and for nobody's where two are alike?"""

from random import Random

import pytest

from app.speech.machines import sounds_recorded
from app.speech.names import who_was_named
from bench import named

STREET = {
    "dijk": "Anna van Dijk",
    "visser": "Cornelis Visser",
    "elamrani": "Youssef El Amrani",
    "bakker": "Wil Bakker-Smit",
    "jansen1": "Piet Jansen",
    "jansen2": "Marie Janssen",
    "oz": "Fatma Öztürk",
    "lee": "Li",
    "boom": "Boom, P.",
    "berg": "Jan-Willem van den Berg",
    "baker": "Ans Baker",
    "veen": "Rob Veenstra",
}


@pytest.mark.parametrize(
    ("said", "whose"),
    [
        ("met van Dyck, 1234 AB", "dijk"),
        ("Anna van Deik", "dijk"),
        ("ik ben Kees... nee Cornelis Fisser", "visser"),
        ("spreekt u met el amrani", "elamrani"),
        ("mevrouw Janssen, Marie Jansen", "jansen2"),
        ("Piet Jansen", "jansen1"),
        ("met Fatma ozturk spreekt u", "oz"),
        ("mevrouw Jansen", None),  # there are two
        ("Hansen", None),
        ("Truus van Dijk", None),  # somebody else of the house
        ("1234 AB met meneer van de Berg", "berg"),
        ("Jan Willem vandenberg, 1234 AB", "berg"),
        ("met Janwillem van den berg", "berg"),
        ("Willem van den Berg", None),
        ("met van der Berg", None),  # these are other families
        ("met Berg", None),
        ("met van Visser", None),
        ("met Fissers", None),
        ("met Bakker", None),  # of two surnames one is another family's as well
        ("Wil Bakker", "bakker"),
        ("Wil Smit", "bakker"),
        ("mijn naam is Boom", "boom"),
        ("er ligt een boom op de weg, 1234 AB", None),
        ("bij de boom, 1234 AB", None),
        ("ik bel over boom 12, 1234 AB", None),
        ("1234 AB 12 Piet Boom", None),  # somebody else's first name isn't a letter of the postcode
        ("1234 a b Boom", "boom"),
        ("ik ben Ans Beker", None),
        ("met Feenstra", None),
        ("Rob Feenstra", "veen"),
        ("lie", None),  # too short to be sure of
        ("", None),
        ("ik wil graag een medewerker", None),
    ],
)
def test_a_name_is_somebodys_however_it_is_written(said: str, whose: str | None) -> None:
    named = who_was_named(said, STREET)
    assert (named.key if named is not None else None) == whose


def test_whose_name_is_like_a_customers_gets_nobodys_file() -> None:
    random = Random(7)
    wrong = []
    for _ in range(100):
        there = named.street(random)
        for _ in range(20):
            stranger = named.stranger(there, random)
            if (found := who_was_named(stranger.text, there)) is not None:
                wrong.append((stranger.text, there[found.key]))

    assert not wrong


@pytest.mark.parametrize(
    ("said", "is_recorded"),
    [
        ("Welkom bij Zorgdirect. Voor afspraken, toets 1.", True),
        ("This is an automated message from the hospital", True),
        ("Goedemiddag, ik bel over mijn paspoort", False),
        ("Ik krijg steeds een automatische incasso", False),
    ],
)
def test_a_recorded_voice_is_told_by_what_only_those_say(said: str, is_recorded: bool) -> None:
    assert sounds_recorded(said) == is_recorded
