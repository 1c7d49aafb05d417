"""Which words are digits, letters, pauses and corrections? Dutch and English, without accents."""

from app.speech.kinds import Kind

UNITS = {
    "nul": 0, "een": 1, "twee": 2, "drie": 3, "vier": 4, "vijf": 5, "zes": 6, "zeven": 7, "zeuven": 7,
    "acht": 8, "negen": 9,
}  # fmt: skip
TEENS = {
    "tien": 10, "elf": 11, "twaalf": 12, "dertien": 13, "veertien": 14, "vijftien": 15, "zestien": 16,
    "zeventien": 17, "achttien": 18, "achtien": 18, "negentien": 19,
}  # fmt: skip
TENS = {
    "twintig": 20, "dertig": 30, "veertig": 40, "vijftig": 50, "zestig": 60, "zeventig": 70, "tachtig": 80,
    "negentig": 90,
}  # fmt: skip
ENGLISH_UNITS = {
    "zero": 0, "nought": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7,
    "eight": 8, "nine": 9,
}  # fmt: skip
ENGLISH_TEENS = {
    "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16,
    "seventeen": 17, "eighteen": 18, "nineteen": 19,
}  # fmt: skip
ENGLISH_TENS = {
    "twenty": 20, "thirty": 30, "forty": 40, "fourty": 40, "fifty": 50, "sixty": 60, "seventy": 70,
    "eighty": 80, "ninety": 90,
}  # fmt: skip
# Recognisers drop the diaeresis, and some of them one of the two vowels as well: “tweentwintig”.
COMPOUNDS = {
    unit + link + tens: value + ten
    for unit, value in UNITS.items()
    if value
    for link in (("en", "n") if unit[-1] == "e" else ("en", "enen")[:1])
    for tens, ten in TENS.items()
}
DUTCH = UNITS | TEENS | TENS | COMPOUNDS
ENGLISH = ENGLISH_UNITS | ENGLISH_TEENS | ENGLISH_TENS
# Of a number that is said in two: “vieren twintig”, “vier entwintig”.
UNIT_AND = {unit + "en": value for unit, value in UNITS.items() if value}
AND_TENS = {"en" + tens: value for tens, value in TENS.items()}
# “drie nullen”, “twee achten”
SEVERAL = {
    "nullen": 0,
    "enen": 1,
    "eentjes": 1,
    "tweeen": 2,
    "tweeens": 2,
    "drieen": 3,
    "vieren": 4,
    "vijven": 5,
    "zessen": 6,
    "zevens": 7,
    "achten": 8,
    "negens": 9,
    "zeros": 0,
    "zeroes": 0,
    "ones": 1,
    "twos": 2,
    "threes": 3,
    "fours": 4,
    "fives": 5,
    "sixes": 6,
    "sevens": 7,
    "eights": 8,
    "nines": 9,
    "noughts": 0,
    "nulletjes": 0,
    "tweetjes": 2,
    "drietjes": 3,
    "viertjes": 4,
    "vijfjes": 5,
    "zesjes": 6,
    "zeventjes": 7,
    "achtjes": 8,
    "negentjes": 9,
}
MILLIONS = {"miljoen": 10**6, "million": 10**6, "miljard": 10**9, "billion": 10**9}  # fmt: skip
# Zero in English, a sigh in Dutch: only among other numbers.
ZERO_OR_SIGH = frozenset({"oh", "o"})
# Numbers by their looks, which are an article where no number follows: “een Nederlands nummer”.
SMALL = frozenset({"een", "one"})
# An English ten or a Dutch “ten eerste”.
ONLY_AMONG_OTHERS = frozenset({"ten"})

TWICE = frozenset({"dubbel", "dubbele", "double"})
THRICE = frozenset({"driedubbel", "driedubbele", "trippel", "triple", "treble"})
# “een dubbele zeven” are two digits, “een dubbel zeven” are three.
AN_ARTICLE_BEFORE = frozenset({"dubbele", "driedubbele"})
TIMES = frozenset({"keer", "maal", "times", "x"})
TIMES_AS_ONE = {
    unit + times: value for unit, value in UNITS.items() if value > 1 for times in ("keer", "maal")
} | {"twice": 2, "thrice": 3}

# What people say while they think of the next digit, and what stands between the parts of a number.
PAUSES = frozenset(
    "eh ehm ehh uh uhm uhh euh eeh um umm hm hmm mm ah tja dan dus ja nou kijk kijken even effe volgt daarna"
    " then vervolgens and next well er erm spatie space dat is that cijfer getal gevolgd followed door by so"
    " momentje moment komt comes".split()
)
SEPARATORS = frozenset(
    "streepje streep koppelteken liggend dash hyphen minus min slash schuine schuin punt point dot stroke"
    " komma comma".split()
)
# “zeven, nee, acht”: what follows stands in the place of what was said last.
FIXES = frozenset(
    "nee neen sorry pardon bedoel bedoelde correctie herstel foutje fout oeps excuus verkeerd no mean meant"
    " correction oops wrong rather".split()
)
BESIDE_A_FIX = frozenset(
    "ik i wacht wait ho stop het moet zijn it should be is dat that was of or eh ehm uh uhm euh um er erm"
    " even effe hoor bedoelde ja toch actually the de my m t".split()
)
# “een” before these is no digit, whatever number follows: “ik heb een nul zes nummer”.
BEFORE_AN_ARTICLE = frozenset(
    "heb hebt heeft had hadden met om over voor wil krijg kreeg bij naar er van have has with about for"
    " want got".split()
)
# After a number “een” is a digit before these; before any other word it belongs to that.
AFTER_A_DIGIT = frozenset(
    "is dat was graag hoor alstublieft alsjeblieft aub dank dankjewel dankuwel bedankt of maar please thanks"
    " thank that dus ja voor op als want mevrouw meneer and but heel toch zo so klopt prima".split()
)
# A number before these counts something.
COUNTED = frozenset(
    "dag dagen week weken maand maanden jaar jaren uur uren minuut minuten seconden euro euros kinderen kind"
    " personen mensen procent graden meter kilometer days day weeks week months month years year hours hour"
    " minutes euros children people percent werkdagen kwartier brieven brief keren keer maal times".split()
)

_ANNOUNCED = {
    Kind.PHONE: "telefoonnummer telefoon mobiel mobiele mobieltje nulzesnummer terugbelnummer"
    " belnummer bellen bereikbaar phone mobile telephone gsm cell",
    Kind.CASE: "zaaknummer zaak zaaknr dossier dossiernummer dossiernr kenmerk referentie referentienummer"
    " casus meldingsnummer meldnummer melding aanvraagnummer aanvraag case reference file ticket"
    " ticketnummer ordernummer zaakkenmerk briefkenmerk volgnummer registratienummer zaaksnummer",
    Kind.POSTCODE: "postcode postcodes postcodenummer postal zip zipcode postkode",
    Kind.DATE: "geboren geboortedatum datum geboortedag born birth date birthday",
    Kind.OTHER: "huisnummer huis klantnummer relatienummer bsn burgerservicenummer rekeningnummer iban"
    " polisnummer factuurnummer kamer house",
}
ANNOUNCES = {word: kind for kind, words in _ANNOUNCED.items() for word in words.split()}

# The Dutch telephone alphabet, what people make of it, and that of the NATO.
_ALPHABETS = (
    "anton anna bernard bernhard cornelis dirk eduard ferdinand gerard hendrik isaak izaak isaac jan johan"
    " johannes jacob karel lodewijk leo maria nico nicolaas otto pieter peter piet quirinus quotient quinten"
    " richard rudolf rinus simon teunis theodoor theo utrecht victor viktor willem xantippe xanthippe"
    " xander ypsilon ijmuiden zaandam zacharias zwolle"
    " alfa alpha bravo charlie delta echo foxtrot golf hotel india juliet juliett juliette kilo lima mike"
    " november oscar papa quebec romeo sierra tango uniform whiskey whisky xray yankee zulu"
    " amsterdam barend bertha cor daniel david eduard emma erik frans frits gerrit george hans henk ida"
    " ivo joost kees klaas lisa marie martin mark nora olga paula rik robert sam sara sofie tom thomas"
    " ursula wim yvonne zeger"
)
ALPHABET = {word: word[0] for word in _ALPHABETS.split()} | {"ijmuiden": "y"}
# How the letters themselves are written when they are said.
LETTER_NAMES = {
    "aa": "a", "bee": "b", "cee": "c", "see": "c", "dee": "d", "ef": "f", "eff": "f", "gee": "g", "ha": "h",
    "haa": "h", "aitch": "h", "ie": "i", "jee": "j", "jay": "j", "kaa": "k", "ka": "k", "kay": "k", "el": "l",
    "em": "m", "en": "n", "oo": "o", "pee": "p", "kuu": "q", "ku": "q", "cue": "q", "er": "r", "es": "s",
    "ess": "s", "tee": "t", "uu": "u", "vee": "v", "wee": "w", "iks": "x", "ix": "x", "ex": "x", "ij": "y",
    "wai": "y", "why": "y", "zet": "z", "zed": "z", "zee": "z",
}  # fmt: skip
# “3512 en dan de letters J en K”: what says that letters come, and what leads to that.
LETTERS_COME = frozenset(
    "letter letters hoofdletter hoofdletters lettercombinatie lettertje lettertjes capital capitals".split()
)
LEADS_TO_LETTERS = frozenset(
    "en and dan then daarna vervolgens gevolgd followed door by met with plus de het the een".split()
)
BETWEEN_LETTERS = frozenset("en and dan then daarna vervolgens de het the een".split())
SPELT_BY = frozenset({"van", "als", "as", "for", "like", "zoals", "from"})
# Of two letters, and words: after four digits they are a postcode's only where nothing follows.
WORDS_OF_TWO = frozenset(
    "en in is op de te er ik we na om of af al an as at be bij by do dr du el em es ga go ha he hé hm if ie"
    " it ja je ka la me mn my no nu om on or pa so to uw us up wa ze zo zn".split()
)

MONTHS = {
    "januari": 1, "februari": 2, "maart": 3, "april": 4, "mei": 5, "juni": 6, "juli": 7, "augustus": 8,
    "september": 9, "oktober": 10, "november": 11, "december": 12, "january": 1, "february": 2, "march": 3,
    "may": 5, "june": 6, "july": 7, "august": 8, "october": 10,
}  # fmt: skip


def _ordinals() -> dict[str, int]:
    named = {"eerste": 1, "derde": 3, "achtste": 8}
    for words in (UNITS, TEENS, TENS, COMPOUNDS):
        for word, value in words.items():
            if value in (1, 3, 8) or not 1 < value <= 31:
                continue
            named[word + ("ste" if value >= 20 else "de")] = value
    english = {
        "first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8,
        "ninth": 9, "tenth": 10, "eleventh": 11, "twelfth": 12, "thirteenth": 13, "fourteenth": 14,
        "fifteenth": 15, "sixteenth": 16, "seventeenth": 17, "eighteenth": 18, "nineteenth": 19,
        "twentieth": 20, "thirtieth": 30,
    }  # fmt: skip
    return named | english


ORDINALS = _ordinals()
