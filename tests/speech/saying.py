"""How do people say a number? A telephone number, a case, a postcode or a date, in one of very many ways.

Written apart from what understands it: nothing of app/speech is used here.
"""

from dataclasses import dataclass
from random import Random

NL_UNITS = ["nul", "een", "twee", "drie", "vier", "vijf", "zes", "zeven", "acht", "negen"]
NL_TEENS = [
    *("tien", "elf", "twaalf", "dertien", "veertien"),
    *("vijftien", "zestien", "zeventien", "achttien", "negentien"),
]
NL_TENS = ["", "", "twintig", "dertig", "veertig", "vijftig", "zestig", "zeventig", "tachtig", "negentig"]
EN_UNITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
EN_TEENS = [
    *("ten", "eleven", "twelve", "thirteen", "fourteen"),
    *("fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
]
EN_TENS = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
DUTCH_LETTERS = dict(
    zip(
        "abcdefghijklmnopqrstuvwxz",
        "Anna Bernard Cornelis Dirk Eduard Ferdinand Gerard Hendrik Izaak Jan Karel Lodewijk Maria Nico Otto"
        " Pieter Quirinus Richard Simon Teunis Utrecht Victor Willem Xantippe Zacharias".split(),
        strict=True,
    )
)
NATO = dict(
    zip(
        "abcdefghijklmnopqrstuvwxyz",
        "alfa bravo charlie delta echo foxtrot golf hotel india juliett kilo lima mike november oscar papa"
        " quebec romeo sierra tango uniform victor whiskey x-ray yankee zulu".split(),
        strict=True,
    )
)
MONTHS = "januari februari maart april mei juni juli augustus september oktober november december".split()
PAUSES = ["eh", "ehm", "uh", "even kijken", "dan", "en dan", "euh"]


@dataclass(frozen=True)
class Utterance:
    text: str
    digits: str
    kind: str


def below_hundred(value: int, random: Random, *, english: bool = False) -> str:
    units, teens, tens = (EN_UNITS, EN_TEENS, EN_TENS) if english else (NL_UNITS, NL_TEENS, NL_TENS)
    if value < 10:
        return units[value]
    if value < 20:
        return teens[value - 10]
    if value % 10 == 0:
        return tens[value // 10]
    if english:
        return tens[value // 10] + random.choice(["-", " "]) + units[value % 10]
    unit, ten = units[value % 10], tens[value // 10]
    if unit.endswith("e"):
        link = random.choice(["ën", "en", "en", " en "])
    else:
        link = random.choice(["en", "en", "en", " en "])
    return unit + link + ten


def below_thousand(value: int, random: Random, *, english: bool = False) -> str:
    if value < 100:
        return below_hundred(value, random, english=english)
    hundreds, rest = divmod(value, 100)
    if english:
        words = f"{below_hundred(hundreds, random, english=True)} hundred"
        return words + (
            f" {random.choice(['', 'and '])}{below_hundred(rest, random, english=True)}" if rest else ""
        )
    before = "" if hundreds == 1 else below_hundred(hundreds, random)
    link = random.choice(["", "", " "])
    words = before + (link if before else "") + "honderd"
    return words + (random.choice(["", " ", " en "]) + below_hundred(rest, random) if rest else "")


def below_ten_thousand(value: int, random: Random) -> str:
    thousands, rest = divmod(value, 1000)
    before = "" if thousands == 1 else NL_UNITS[thousands]
    return before + "duizend" + (random.choice(["", " "]) + below_thousand(rest, random) if rest else "")


def groups(digits: str, random: Random) -> list[str]:
    """Cut digits as people do: one by one, in pairs, in threes, or mixed."""
    style = random.choice(["ones", "pairs", "threes", "mixed", "mixed"])
    cut, at = [], 0
    while at < len(digits):
        size = {"ones": 1, "pairs": 2, "threes": 3}.get(style) or random.choice([1, 1, 2, 2, 3])
        cut.append(digits[at : at + size])
        at += size
    return cut


def said_group(group: str, random: Random, *, english: bool) -> tuple[str, bool]:
    """Return a group in words, and whether it could grow together with what follows."""
    spell = " ".join((EN_UNITS if english else NL_UNITS)[int(one)] for one in group)
    if len(group) == 1:
        return spell, False
    if len(set(group)) == 1 and random.random() < 0.5:
        times = len(group)
        one = spell.split()[0]
        if english:
            return f"{ {2: 'double', 3: 'triple'}[times] } {one}", False
        return random.choice(
            [
                f"{ {2: 'dubbel', 3: 'driedubbel'}[times] } {one}",
                f"{NL_UNITS[times]} keer {one}",
                f"{NL_UNITS[times]}maal {one}",
            ]
        ), False
    if group[0] == "0" or random.random() < 0.15:
        return spell, False
    value = int(group)
    grows = value % 100 == 0 or (english and value % 10 == 0 and value >= 20)
    return below_thousand(value, random, english=english), grows


def said_digits(digits: str, random: Random, *, english: bool = False) -> str:
    spoken: list[str] = []
    figures = random.random()
    for group in groups(digits, random):
        if random.random() < figures * 0.5:
            spoken.append(group)
            grows = False
        else:
            words, grows = said_group(group, random, english=english)
            spoken.append(words)
        roll = random.random()
        if grows or roll < 0.12:
            spoken[-1] += ","
        elif roll < 0.17:
            spoken.append(random.choice(PAUSES) if not english else "uh")
    return parted(spoken)


def parted(spoken: list[str]) -> str:
    """Join groups; between words that would make one number, people pause: the recogniser writes a comma."""
    text = spoken[0]
    for one in spoken[1:]:
        last, first = text.split()[-1], one.split()[0]
        grows = first.startswith(("honderd", "hundred", "duizend", "keer", "en")) or first in ("en",)
        needs = grows or (last.isdigit() and first.startswith(("honderd", "hundred")))
        text += (", " if needs and not text.endswith(",") else " ") + one
    return text.rstrip(",")


def with_correction(digits: str, random: Random) -> str:
    """Say one digit wrongly, and put it right."""
    at = random.randrange(2, len(digits))
    wrong = str((int(digits[at]) + random.randrange(1, 10)) % 10)
    fix = random.choice(["nee,", "sorry", "ik bedoel", "nee sorry", "correctie", "eh nee", "of nee"])
    before = " ".join(NL_UNITS[int(one)] for one in digits[:at])
    after = " ".join(NL_UNITS[int(one)] for one in digits[at:])
    return f"{before} {NL_UNITS[int(wrong)]} {fix} {after}"


def figures_of_phone(digits: str, random: Random) -> str:
    cut = [digits[:2], digits[2:]]
    return random.choice(
        [
            digits,
            "-".join(cut),
            " ".join(cut),
            f"{digits[:2]} {digits[2:4]} {digits[4:6]} {digits[6:8]} {digits[8:]}",
        ]
    )


BEFORE_PHONE = [
    "",
    "",
    "mijn nummer is ",
    "u kunt mij bellen op ",
    "ja dat is ",
    "Ik heb een Nederlands nummer, ",
]
AFTER = ["", "", ".", " graag", " hoor", " dank u wel", " alstublieft"]


def a_phone(random: Random) -> Utterance:
    subscriber = random.choice("123458") + "".join(random.choice("0123456789") for _ in range(7))
    digits = "06" + subscriber
    roll = random.random()
    if roll < 0.15:
        spoken = figures_of_phone(digits, random)
    elif roll < 0.3:
        spoken = with_correction(digits, random)
    elif roll < 0.45:
        digits = "+316" + subscriber
        spoken = "plus eenendertig zes " + said_digits(subscriber, random)
    elif roll < 0.6:
        spoken = "zero six " + said_digits(subscriber, random, english=True)
        return Utterance(random.choice(["", "my number is "]) + spoken, digits, "phone")
    else:
        spoken = "nul zes " + said_digits(subscriber, random)
    return Utterance(random.choice(BEFORE_PHONE) + spoken + random.choice(AFTER), digits, "phone")


BEFORE_CASE = [
    *(
        "zaaknummer ",
        "mijn zaaknummer is ",
        "het gaat over zaak ",
        "dossier ",
        "kenmerk ",
        "ik bel over zaak ",
    ),
    *("goedemorgen, ik heb een vraag over een vergunning, het zaaknummer is ", "dossiernummer: "),
]


def counted(random: Random) -> tuple[str, str]:
    """Say digits by how many there are of each: “drie zessen en een zeven”."""
    several = "nullen enen tweeën drieën vieren vijven zessen zevens achten negens".split()
    parts, digits = [], ""
    for _ in range(random.randrange(2, 5)):
        times, digit = random.choice([1, 2, 2, 3, 4]), random.choice([0, *range(2, 10)])
        if times == 1 and len(parts) == 1:
            times = 2
        digits += str(digit) * times
        parts.append(f"een {NL_UNITS[digit]}" if times == 1 else f"{NL_UNITS[times]} {several[digit]}")
    return " en ".join(parts), digits


def millions(random: Random) -> tuple[str, str]:
    value = random.randrange(1_000_000, 20_000_000)
    if random.random() < 0.4:
        value -= value % random.choice([1000, 100_000])
    many, rest = divmod(value, 1_000_000)
    thousands, units = divmod(rest, 1000)
    words = [below_hundred(many, random) + random.choice([" ", " ", ""]) + "miljoen"]
    if thousands:
        words.append(("" if thousands == 1 else below_thousand(thousands, random)) + "duizend")
    if units:
        words.append(random.choice(["", "en "]) * (units < 100) + below_thousand(units, random))
    return " ".join(words), str(value)


def a_case_otherwise(random: Random) -> Utterance:
    """Say a case's number as a quantity, or by how often each digit stands, or with a letter."""
    roll = random.random()
    if roll < 0.35:
        spoken, number = counted(random)
    elif roll < 0.7:
        spoken, number = millions(random)
    else:
        number = "".join(random.choice("0123456789") for _ in range(6))
        one = random.choice("ABCDEFGHJKLMNPRSTVWXZ")
        lead = random.choice(
            [" met de letter ", " en dan de letter ", " gevolgd door de letter ", " daarna een "]
        )
        spoken, number = said_digits(number, random) + lead + one, number + one
    return Utterance(random.choice(BEFORE_CASE) + spoken + random.choice(AFTER), number, "case")


def a_case(random: Random) -> Utterance:
    year = random.choice(["", "", "2023", "2024", "2025", "2026"])
    number = "".join(random.choice("0123456789") for _ in range(random.randrange(4, 7)))
    roll = random.random()
    if roll < 0.15 and not year:
        spoken = with_correction(number, random)
    elif year and roll < 0.5:
        said_year = random.choice(
            [year, below_ten_thousand(int(year), random), "twintig " + below_hundred(int(year[2:]), random)]
        )
        spoken = (
            said_year + random.choice([" streepje ", ", ", " - ", " dash "]) + said_digits(number, random)
        )
    elif year:
        spoken = f"{year}{random.choice('-./ ')}{number}"
    else:
        spoken = said_digits(number, random)
    before = random.choice(BEFORE_CASE)
    if random.random() < 0.15:
        before = f"mijn nummer is {figures_of_phone('0612345678', random)} en {before}"
    return Utterance(before + spoken + random.choice(AFTER), year + number, "case")


def letter(one: str, random: Random) -> str:
    roll = random.random()
    if roll < 0.3 or one not in DUTCH_LETTERS:
        return NATO[one]
    if roll < 0.7:
        return DUTCH_LETTERS[one]
    return f"{one} van {DUTCH_LETTERS[one]}"


def a_postcode(random: Random) -> Utterance:
    digits = str(random.randrange(1000, 10_000))
    letters = "".join(random.choice("abcdeghjklmnprstvwxz") for _ in range(2))
    first, second = int(digits[:2]), int(digits[2:])
    spoken = random.choice([digits, " ".join(NL_UNITS[int(one)] for one in digits)])
    roll = random.random()
    if roll < 0.3 and digits[2] != "0":
        spoken = f"{below_hundred(first, random)} {below_hundred(second, random)}"
    elif roll < 0.5 and digits[1] != "0":
        spoken = below_thousand(int(digits), random) if first % 10 else spoken
    elif roll < 0.6:
        spoken = below_ten_thousand(int(digits), random)
    if random.random() < 0.4 and spoken.isdigit():
        spelt = random.choice(["{}", "{}", "{} "]).format(letters.upper()).strip()
    else:
        spelt = f"{letter(letters[0], random)} {letter(letters[1], random)}"
    before = random.choice(["", "postcode ", "mijn postcode is ", "ik woon op ", "dat is "])
    after = random.choice(["", ".", " nummer 12", ", huisnummer 5", " graag"])
    if random.random() < 0.25:
        lead = random.choice(["en dan de letters", "met de letters", "gevolgd door de letters", "daarna"])
        joint = random.choice([" ", " en ", ", "])
        spelt = lead + " " + joint.join(one.upper() for one in letters)
    return Utterance(f"{before}{spoken} {spelt}{after}", digits + letters.upper(), "postcode")


def a_date(random: Random) -> Utterance:
    day, month, year = random.randrange(1, 29), random.randrange(1, 13), random.randrange(1931, 2026)
    said_day = random.choice([str(day), below_hundred(day, random)])
    said_year = random.choice([str(year), below_ten_thousand(year, random) if year >= 2000 else str(year)])
    if year < 2000 and random.random() < 0.6:
        said_year = random.choice(["negentien ", "negentien", "negentienhonderd "]) + below_hundred(
            year % 100, random
        )
    before = random.choice(["ik ben geboren op ", "", "mijn geboortedatum is ", "het was op "])
    spoken = f"{said_day} {MONTHS[month - 1]} {said_year}"
    if random.random() < 0.2:
        spoken = f"{day:02}-{month:02}-{year}"
    return Utterance(before + spoken, f"{year}-{month:02}-{day:02}", "date")


def utterance(random: Random) -> Utterance:
    return random.choice([a_phone, a_phone, a_case, a_case, a_case_otherwise, a_postcode, a_date])(random)
