"""Which number is this? What a carrier or a spreadsheet writes, to E.164, or None when it is nobody's."""

import re
import unicodedata
from functools import cache, lru_cache
from urllib.parse import unquote

import phonenumbers
from phonenumbers import (
    NumberParseException,
    PhoneMetadata,
    PhoneNumberDesc,
    PhoneNumberFormat,
    PhoneNumberType,
)

from config.numbers import EUROPE, SHORT_CODE_DIGITS, can_be_ordinary, is_ordinary

LONGEST = 200  # nothing that names a number is longer; it also bounds what the cache can hold

# What stands in the place of a number when the caller has withheld it: words, and the same words as the keys
# of a telephone spell them. `phonenumbers` finds countries in some (Lesotho, Russia, Uganda, China).
WITHHELD_WORDS = frozenset(
    {"anonymous", "restricted", "unavailable", "unknown", "private", "blocked", "withheld"}
)
WITHHELD_DIGITS = frozenset({"266696687", "1266696687", "7378742833", "2562533", "8656696", "86282452253"})

_ADDRESS = re.compile(r"""(?:[^<]*<)?\s*(sips?|tel):([^<>]*)>?.*""", re.IGNORECASE | re.DOTALL)
_EXTENSION = re.compile(
    r"[\s,;]*(?:extension|ext|toestel|tst|x|#)\s*[.:=]?\s*\d{1,9}\s*#?\s*$", re.IGNORECASE | re.ASCII
)
_WRITTEN_NUMBER = re.compile(r"[+\d()\[\]./\s-]+")
_PUNCTUATION = " -.()/[]"


def to_e164(text: str | None, country: str) -> str | None:
    """Return `text` in E.164 (`+31612345678`), or None when it identifies nobody.

    National forms are read as `country`'s (ISO 3166-1 alpha-2). The user part of a SIP address and a `tel:`
    are used when they are a number; extensions are dropped. Withheld numbers in every known spelling, service
    codes, identities of clients, and numbers that no numbering plan has are nobody.
    """
    if not text or len(text) > LONGEST:
        return None
    return _plainly_written(text, country) or _carefully(text, country)


def _plainly_written(text: str, country: str) -> str | None:
    """Recognise the usual spellings by the numbering plan's own patterns; None means: look carefully.

    The same answer as the careful way for a twentieth of its time, which counts when a million are loaded.
    """
    digits = text
    if not text.removeprefix("+").isdecimal():
        for mark in _PUNCTUATION:  # six times quicker than translate()
            digits = digits.replace(mark, "")
    if not digits.isascii() or not digits.removeprefix("+").isdecimal():
        return None
    if len(digits) <= SHORT_CODE_DIGITS or digits.removeprefix("+") in WITHHELD_DIGITS:
        return None
    if digits.startswith("00"):
        digits = "+" + digits[2:]
    if digits[0] == "+":
        plan = _plan_of(digits)
        national = digits[len(plan.calling_code) :] if plan else ""
    else:
        plan = _plan(country) if country in EUROPE else None
        national = plan.within_country(digits) if plan else ""
    if plan is None or national[:1] == "0" or not plan.has(national):
        return None
    return plan.calling_code + national


@lru_cache(maxsize=16_384)
def _carefully(text: str, country: str) -> str | None:
    written = _without_decoration(text)
    if written is None:
        return None
    digits = re.sub(r"\D", "", written)
    if digits in WITHHELD_DIGITS or (len(digits) <= SHORT_CODE_DIGITS and not written.startswith("+")):
        return None
    for candidate in _readings(written):
        try:
            number = phonenumbers.parse(candidate, country)
        except NumberParseException:
            continue
        if phonenumbers.is_valid_number(number):
            return phonenumbers.format_number(number, PhoneNumberFormat.E164)
    return None


def _without_decoration(text: str) -> str | None:
    """Return what is written as a number, in plain digits; None when something else is written."""
    written = _plain(text)
    context = ""
    if address := _ADDRESS.fullmatch(written):
        scheme, rest = address[1].lower(), unquote(address[2])
        user, has_host, _ = rest.rpartition("@")
        if scheme != "tel" and not has_host:
            return None  # sip:example.com names a host, not a person
        written = _plain(user if has_host else rest)
        written, *parameters = written.split(";")
        # RFC 3966: a local number with the country that it is local to.
        context = next((p[14:] for p in parameters if p.lower().startswith("phone-context=+")), "")
    written = _EXTENSION.sub("", written).strip()
    if written.lower() in WITHHELD_WORDS or not _WRITTEN_NUMBER.fullmatch(written):
        return None
    if context and not written.startswith("+"):
        written = context + written
    return written if any(character.isdecimal() for character in written) else None


def _plain(text: str) -> str:
    """Full-width and other scripts' digits and dashes as ASCII; invisible marks from a copied page gone."""
    characters = []
    for character in unicodedata.normalize("NFKC", text):
        match unicodedata.category(character):
            case "Nd":
                characters.append(str(unicodedata.decimal(character)))
            case "Pd":
                characters.append("-")
            case "Cf":
                continue
            case _:
                characters.append(
                    "-" if character == "−" else character
                )  # a minus sign is no dash to Unicode
    return "".join(characters).strip()


def _readings(written: str) -> tuple[str, ...]:
    """List how a number may be meant, the likeliest first."""
    if written.startswith("+"):
        rest = written[1:].lstrip()
        # “+0031…” and “+06…” come out of address books; no country code begins with a nought.
        return (written,) if not rest.startswith("0") else _readings(rest)
    if written.startswith("00"):
        return ("+" + written[2:], written)
    return (written,)


_CALLABLE_KINDS = (
    "fixed_line",
    "mobile",
    "voip",
    "uan",
)  # config.numbers.ORDINARY_TYPES, as the data names them
_OTHER_KINDS = ("toll_free", "premium_rate", "shared_cost", "personal_number", "pager", "voicemail")
_KINDS = (*_CALLABLE_KINDS, *_OTHER_KINDS)


def _pattern(kind: PhoneNumberDesc) -> str:
    return f"(?:{kind.national_number_pattern})"


class _Plan:
    """How the numbers of one calling code look, from the library's own data."""

    def __init__(
        self, country: str, calling_code: int, data: PhoneMetadata, general: PhoneNumberDesc
    ) -> None:
        self.country = country  # alone on its code
        self.calling_code = f"+{calling_code}"
        self.zero_before_national = data.national_prefix == "0"
        self._data = data
        self._lengths = general.possible_length
        self._general = re.compile(_pattern(general))
        self._is_general = f"(?={_pattern(general)}\\Z)"
        # Of each length when there is first such a number: all of them together take a tenth of a second.
        self._by_length: dict[int, re.Pattern[str] | None] = {}
        self._ordinary_by_length: dict[int, re.Pattern[str] | None] = {}

    def within_country(self, digits: str) -> str:
        """Return the national number in a domestic spelling; empty when that takes more than a look."""
        if digits[0] == "0":
            return digits[1:] if self.zero_before_national else ""
        if not digits.startswith(self.calling_code[1:]):
            return digits  # a spreadsheet has eaten the nought
        # The country's code without its plus, unless this is a whole number of the country by itself.
        return "" if self._general.fullmatch(digits) else digits[len(self.calling_code) - 1 :]

    def has(self, national: str) -> bool:
        length = len(national)
        if length not in self._by_length:
            self._by_length[length] = self._any(length)
        pattern = self._by_length[length]
        return pattern is not None and pattern.match(national) is not None

    def has_ordinary(self, national: str) -> bool:
        """Tell whether this is, and can be nothing but, a number of the callable kinds."""
        length = len(national)
        if length not in self._ordinary_by_length:
            self._ordinary_by_length[length] = self._any_ordinary(length)
        pattern = self._ordinary_by_length[length]
        return pattern is not None and pattern.match(national) is not None

    def _any(self, length: int) -> re.Pattern[str] | None:
        of_all = self._any_of(_KINDS, length)
        return re.compile(f"{self._is_general}(?:{of_all})\\Z") if of_all else None

    def _any_ordinary(self, length: int) -> re.Pattern[str] | None:
        ordinary, others = self._any_of(_CALLABLE_KINDS, length), self._any_of(_OTHER_KINDS, length)
        if not ordinary or length < SHORT_CODE_DIGITS:
            return None
        no_other = f"(?!(?:{others})\\Z)" if others else ""
        return re.compile(f"{self._is_general}{no_other}(?:{ordinary})\\Z")

    def _any_of(self, names: tuple[str, ...], length: int) -> str:
        """Return a pattern of the numbers of these kinds, empty where they have none of this length."""
        if length not in self._lengths:
            return ""
        kinds = [
            kind for name in names if (kind := getattr(self._data, name)) and length in kind.possible_length
        ]
        return "|".join(_pattern(kind) for kind in kinds)


@cache
def _plan(country: str) -> _Plan | None:
    """Return the plan of a European country alone on its code whose prefix needs no rewriting: of most."""
    code = phonenumbers.country_code_for_region(country)
    if phonenumbers.COUNTRY_CODE_TO_REGION_CODE[code] != (country,):
        return None
    data = PhoneMetadata.metadata_for_region(country)
    if data is None or data.general_desc is None or data.national_prefix_transform_rule:
        return None
    if data.national_prefix_for_parsing not in {None, "0"} or data.leading_digits is not None:
        return None
    return _Plan(country, code, data, data.general_desc)


@cache
def _countries_by_code() -> dict[str, str]:
    return {f"+{phonenumbers.country_code_for_region(country)}": country for country in EUROPE}


def _plan_of(digits: str) -> _Plan | None:
    if digits[0] != "+":
        return None
    countries = _countries_by_code()
    country = countries.get(digits[:3]) or countries.get(digits[:4]) or countries.get(digits[:2])
    return _plan(country) if country else None


_callable_countries = EUROPE


def bind(countries: frozenset[str]) -> None:
    """Say once, when a process starts, which countries it rings and texts (CALLABLE_COUNTRIES)."""
    global _callable_countries
    _callable_countries = countries


def may_be_called(e164: str | None) -> bool:
    """Say whether this is a number of a kind that we ring: a callback, an agent's phone, a link to one.

    An ordinary one of the countries that this deployment rings: see config.numbers. Whether it is one of our
    own lines takes the database: see lines.places.may_ring.
    """
    if not e164 or not can_be_ordinary(e164):
        return False
    # Most numbers, by the plan's own patterns: it took a sixteenth of the answer to a call.
    plan = _plan_of(e164)
    if plan is not None and plan.has_ordinary(e164[len(plan.calling_code) :]):
        return plan.country in _callable_countries
    return is_ordinary(e164, _callable_countries)


def country_of(e164: str | None) -> str:
    """Return the country whose number this is (ISO 3166-1 alpha-2); empty for nobody's and no country's."""
    if not e164:
        return ""
    plan = _plan_of(e164)
    return plan.country if plan is not None else _country_of_another(e164)


@lru_cache(maxsize=4096)
def _country_of_another(e164: str) -> str:
    try:
        return phonenumbers.region_code_for_number(phonenumbers.parse(e164)) or ""
    except NumberParseException:
        return ""


@lru_cache(maxsize=4096)
def for_people(e164: str, country: str) -> str:
    """Return the number as people write it in `country`: national at home, international from abroad."""
    try:
        number = phonenumbers.parse(e164)
    except NumberParseException:
        return e164
    at_home = phonenumbers.region_code_for_number(number) == country
    return phonenumbers.format_number(
        number, PhoneNumberFormat.NATIONAL if at_home else PhoneNumberFormat.INTERNATIONAL
    )


def mask(number: str | None) -> str:
    """Return a number as logs may hold it: country and last two digits (`+31…78`); `-` for nobody."""
    if not number:
        return "-"
    return f"{number[:3]}…{number[-2:]}" if re.fullmatch(r"\+[0-9]{7,15}", number) else "…"


def may_be_texted(e164: str | None) -> bool:
    """Say whether we may write to this number of our own accord: it may be called, and can receive texts."""
    return e164 is not None and may_be_called(e164) and can_receive_texts(e164)


def can_receive_texts(e164: str) -> bool:
    """Say whether an SMS to this number can be expected to arrive: it is a mobile one, wherever it is."""
    try:
        number = phonenumbers.parse(e164)
    except NumberParseException:
        return False
    return phonenumbers.is_valid_number(number) and phonenumbers.number_type(number) in {
        PhoneNumberType.MOBILE,
        PhoneNumberType.FIXED_LINE_OR_MOBILE,
    }
