"""Is a name that was heard known for whose it is, and for nobody's where two are alike?"""

import pytest

from app.speech.machines import sounds_recorded
from app.speech.names import who_was_named

STREET = {
    "dijk": "Anna van Dijk",
    "visser": "Cornelis Visser",
    "elamrani": "Youssef El Amrani",
    "bakker": "Wil Bakker-Smit",
    "jansen1": "Piet Jansen",
    "jansen2": "Marie Janssen",
    "oz": "Fatma Öztürk",
    "lee": "Li",
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
        ("lie", None),  # too short to be sure of
        ("", None),
        ("ik wil graag een medewerker", None),
    ],
)
def test_a_name_is_somebodys_however_it_is_written(said: str, whose: str | None) -> None:
    named = who_was_named(said, STREET)
    assert (named.key if named is not None else None) == whose


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
