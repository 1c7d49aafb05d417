"""Is whose file it is heard, and nobody else's? `python -m bench.named [NUMBER]`.

In a street of fourteen customers with one postcode each caller says a name as people do, as a recogniser may
write it. Some are customers; the others have a name that is like a customer's and sounds otherwise.
"""

import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from app.speech.names import who_was_named

SURNAMES = (
    "de Jong|Jansen|de Vries|van den Berg|van Dijk|Bakker|Janssen|Visser|Smit|Meijer|de Boer"
    "|Mulder|de Groot|Bos|Vos|Peters|Hendriks|van Leeuwen|Dekker|Brouwer|de Wit|Dijkstra|Smits"
    "|de Graaf|van der Meer|van der Linden|Kok|Jacobs|de Haan|Vermeulen|van den Heuvel"
    "|van der Veen|van den Broek|de Bruijn|de Bruin|van der Heijden|Schouten|van Beek|Willems"
    "|van Vliet|van de Ven|Hoekstra|Maas|Verhoeven|Koster|van Dam|van der Wal|Prins|Blom|Huisman"
    "|Peeters|de Jonge|Kuipers|van Veen|Postma|Veenstra|Kramer|van den Brink|Scholten|van Wijk"
    "|Postma|Martens|Vink|de Ruiter|Timmermans|Groen|Gerritsen|Jonker|van Loon|Boer|van der Velde"
    "|Willemsen|Smeets|de Lange|de Vos|Bosch|van Dongen|Schipper|de Koning|van der Laan|Koning"
    "|van der Velden|Driessen|van Doorn|Hermans|Evers|van den Bosch|van der Meulen|Hofman|Bosman"
    "|Wolters|Sanders|van der Horst|Mol|Kuijpers|Molenaar|van de Pol|de Leeuw|Verbeek|Dijksma"
    "|Hendriksen|Pieterse|Pieters|Petersen|Martin|Maartens|Hansen|Nijland|Wouters|Wolfs|Wolf"
    "|Kuiper|Kuit|Kooiman|Koopman|Schreuder|Schroder|Schutte|Schut|Vermeer|Verweij|Verbeke|Bakels"
    "|Bekker|Becker|Bakema|Boersma|Boersema|Wiersma|Wiersema|Hoekema|Hofstra|Hofstede|Haverkamp"
    "|Haverman|Timmer|Timmerman|Zijlstra|Zijlmans|Terpstra|Teunissen|Theunissen|Tuinman|Tuinstra"
    "|El Amrani|El Idrissi|Yilmaz|Yildiz|Yildirim|Kaya|Demir|Demirci|Ozturk|Aydin|Nguyen|Ramdin"
    "|Ramlal|Bouzid|Bouali|Benali|Ben Ali|Wisniewski|Nowak|Kowalski|Silva|Santos|Pinas|Pinto"
    "|Garcia Lopez|Bakker-Smit|de Vries-Mulder|Visser-van Dijk"
).split("|")
FIRST_NAMES = (
    "Jan Piet Kees Hendrik Willem Maria Anna Johanna Elisabeth Cornelia Daan Sem Luuk Emma Julia"
    " Mila Tess Sophie Mohamed Fatima Youssef Aisha Ahmed Mehmet Fatma Ayse Peter Hans Henk"
    " Gerard Rob Paul Mark Erik Marco Dennis Sandra Monique Ingrid Petra Linda Esther Saskia"
    " Marieke Karin Ellen Wil Bea Truus Riet Greet Nel Joke Ria Tineke Marleen Lotte Sanne Femke"
    " Anouk Iris Bram Thijs Lars Tim Stijn Ruben Joost Maarten Pieter Koen Bart Wouter"
).split()
# Of what sounds otherwise: letters that nobody takes for one another.
_VOWELS, _CONSONANTS = "aeou", "fglmnprst"
_BEFORE = (
    *("met", "u spreekt met", "mijn naam is", "goedemiddag met", "hallo u spreekt met", "ja goedemorgen met"),
    *("ik ben", "ik heet", "eh met", "dit is", "my name is", "hello this is"),
)
_BETWEEN = (
    *(", postcode", " mijn postcode is", " en mijn postcode is", " ik woon op", "", " uit", " postcode"),
    *(" op de", " my postcode is", " eh de postcode is"),
)
# How recognisers write what sounds the same.
_SAME = (
    *(
        ("ij", "ei"),
        ("ei", "ij"),
        ("ss", "s"),
        ("sen", "se"),
        ("c", "k"),
        ("k", "c"),
        ("sch", "s"),
        ("th", "t"),
    ),
    *(("ou", "au"), ("ui", "uij"), ("d ", "t "), ("en ", "e "), ("ie", "y "), ("nn", "n"), ("ae", "aa")),
)
CODE = "1234 AB"
LIVE_THERE = 14


@dataclass(frozen=True)
class Caller:
    """Who calls: what they say, and whose file is theirs; empty: nobody's."""

    text: str
    whose: str
    kind: str


def street(random: Random) -> dict[str, str]:
    """Return customers by their keys; some of them of one family."""
    found = {}
    for place in range(LIVE_THERE):
        surname = random.choice(SURNAMES)
        first = random.choice(FIRST_NAMES)
        found[str(place)] = f"{first if random.random() < 0.85 else first[0] + '.'} {surname}"
        if random.random() < 0.2:
            found[f"{place}b"] = f"{random.choice(FIRST_NAMES)} {surname}"
    return found


def _said(name: str, random: Random) -> str:
    code = random.choice([CODE, "1234ab", "12 34 a b", "twaalf vierendertig a b", "een twee drie vier ab"])
    if random.random() < 0.15:
        return f"{code} {random.choice(['', 'huisnummer 12 ', ', met '])}{name}"
    house = random.choice(["", "", f" nummer {random.randint(1, 200)}"])
    return f"{random.choice(_BEFORE)} {name}{random.choice(_BETWEEN)} {code}{house}"


def _with_first_name(surname: str, random: Random, first: str) -> str:
    kind = random.random()
    if kind < 0.45:
        return f"{first} {surname}"
    if kind < 0.6:
        return f"{random.choice(['mevrouw', 'meneer', 'de heer', 'familie'])} {surname}"
    return surname


def _first_and_last(name: str) -> tuple[str, str]:
    first, _, last = name.partition(" ")
    return first, last


def customer(street_: Mapping[str, str], random: Random) -> Caller:
    """Return a customer who says their name, as a recogniser may write it."""
    key = random.choice(list(street_))
    first, last = _first_and_last(street_[key])
    said = _with_first_name(last, random, first) if len(first) > 2 else last
    was, becomes = random.choice(_SAME)
    if random.random() < 0.5:
        said = f"{said} ".replace(was, becomes, 1).strip()
    return Caller(_said(said.lower(), random), key, "customer")


def stranger(street_: Mapping[str, str], random: Random) -> Caller:
    """Return somebody whose name is like a customer's and sounds otherwise."""
    first, last = _first_and_last(street_[random.choice(list(street_))])
    taken = {_plain(part) for one in street_.values() for part in _parts(_first_and_last(one)[1])}
    kind = random.choice(["letter", "letter", "ending", "before", "family", "other", "sentence"])
    family = {
        _first_and_last(one)[0]
        for one in street_.values()
        if {*map(_plain, _parts(_first_and_last(one)[1]))} & {*map(_plain, _parts(last))}
    }
    other_first = random.choice([one for one in FIRST_NAMES if one not in family])
    if kind == "family":
        return Caller(_said(f"{other_first} {last}".lower(), random), "", kind)
    if kind == "before":
        bare = last.split()[-1]
        befores = ["", "van ", "de ", "van der ", "ter ", "op de ", "van den ", "van 't "]
        said = random.choice([one + bare for one in befores if _plain(one + bare) not in taken])
        return Caller(_said(_with_first_name(said, random, other_first).lower(), random), "", kind)
    if kind == "sentence":
        word = last.split()[-1].lower()
        text = random.choice(
            ["ik bel over de {} {}", "bij de {} op straat {}", "er is {} in {}", "een {} ligt op de weg {}"]
        )
        return Caller(text.format(word, CODE), "", kind)
    if kind == "other":
        said = random.choice([one for one in SURNAMES if _plain(one) not in taken])
    elif kind == "ending":
        said = last + random.choice(
            ["s" if last[-1] not in "hs" else "sma", "man", "stra", "sen", "ma", "els", "ink"]
        )
    else:
        said = _otherwise(last, random)
    is_first = random.random() < 0.1
    return Caller(
        _said(_with_first_name(said, random, first if is_first else other_first).lower(), random), "", kind
    )


# Families whose names sound the same: nobody hears which of them it is.
_ALIKE = (
    "Jansen=Janssen|Peters=Peeters|Bos=Bosch|Kuipers=Kuijpers|Teunissen=Theunissen|Benali=Ben Ali"
    "|de Bruijn=de Bruin|van der Velde=van der Velden"
)
_ONE_OF = {name.lower(): pair.split("=")[0].lower() for pair in _ALIKE.split("|") for name in pair.split("=")}


def _plain(surname: str) -> str:
    """Return what families have in common whose names can't be told apart by their sound."""
    plain = surname.lower().replace("den ", "de ")
    return _ONE_OF.get(plain, plain)


def _parts(surname: str) -> list[str]:
    """Return the surnames of whoever has two, and the last word of those that have no prefix."""
    return [*surname.split("-"), *surname.split()[-1:]] if surname[0].isupper() else surname.split("-")


def _otherwise(name: str, random: Random) -> str:
    """Return a name with one letter of another sound."""
    small = f" {name.lower()} "
    # One vowel of two makes what is only spelt otherwise: Maes.
    may_be = [
        place
        for place, one in enumerate(small[1:-1])
        if one in _CONSONANTS or (one in _VOWELS and not {small[place], small[place + 2]} & set("aeiouy"))
    ]
    if not may_be:
        return name + "man"
    at = random.choice(may_be)
    letters = _VOWELS if name[at].lower() in _VOWELS else _CONSONANTS
    return name[:at] + random.choice([one for one in letters if one != name[at].lower()]) + name[at + 1 :]


def main(number: int = 20_000) -> None:
    random = Random(20_261_130)
    counts: Counter[str] = Counter()
    found = 0
    for place in range(number):
        if place % 20 == 0:
            there = street(random)
        for caller in (stranger(there, random), customer(there, random)):
            counts[caller.kind] += 1
            named = who_was_named(caller.text, there)
            if named is not None and named.key != caller.whose:
                print(f"wrong ({caller.kind}): “{caller.text}” is not {there[named.key]}")
            found += named is not None and named.key == caller.whose
    print(f"{found / counts['customer']:.1%} of customers were found; who called: {dict(counts)}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
