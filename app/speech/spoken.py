"""Which numbers did somebody say: of a telephone, of a case, a postcode, a date? In doubt none.

Pure, and in time that grows with the text alone.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from app.callers.numbers import to_e164
from app.speech import dates
from app.speech.corrections import USUAL, WAYS, settled
from app.speech.items import Item, items_of
from app.speech.kinds import Kind
from app.speech.letters import with_letters
from app.speech.numerals import composed
from app.speech.runs import Run, is_letter, runs_of

# Nobody says more in five minutes; what comes after it is not about who they are.
LONGEST = 5_000
# A number of fewer digits is a case's only where somebody says that it is.
LEAST_OF_A_CASE = 5
MOST_OF_A_CASE = 24
LONGEST_PHONE = 20
# Where in a row another number may begin is tried so often.
_MOST_BREAKS = 6
_TWO_BEGINNINGS = re.compile(r"^((?:\+|00)31)0")


@dataclass(frozen=True)
class Spoken:
    """A number that was said, as it was said: a case or a postcode with its letters, a date as ISO 8601."""

    digits: str
    kind: Kind
    is_announced: bool = False  # they said what it is: “zaaknummer …”


NOTHING = Spoken("", Kind.OTHER)


def number(text: str, country: str, kind: Kind | None = None) -> Spoken:
    """Return the one number that was said, or the one of a kind; nothing where it could be several.

    Beside a telephone number it is the case: that is what they were asked about.
    """
    found = [one for one in numbers(text, country, kind) if kind is None or one.kind == kind]
    for wanted in (Kind.CASE, Kind.PHONE, Kind.POSTCODE, Kind.DATE):
        of_kind = [one for one in found if one.kind == wanted]
        if of_kind:
            announced = [one for one in of_kind if one.is_announced and wanted == Kind.CASE]
            return _only(of_kind) or _only(announced) or NOTHING
    return _only(found) or NOTHING


def _only(found: Sequence[Spoken]) -> Spoken | None:
    return found[0] if len({one.digits for one in found}) == 1 else None


def phone(text: str, country: str) -> tuple[str, str] | None:
    """Return the telephone number that was said: its digits as they were said, and in E.164.

    None when no number was said that there can be, or more than one.
    """
    said = {
        e164: one.digits
        for one in numbers(text, country, Kind.PHONE)
        if (e164 := to_e164(one.digits, country)) is not None
    }
    return next((digits, e164) for e164, digits in said.items()) if len(said) == 1 else None


def numbers(text: str, country: str, kind: Kind | None = None) -> list[Spoken]:
    """Return every number that was said, in order; `kind`: what they were asked for."""
    items = composed(with_letters(items_of(text[:LONGEST])))
    by_name, rest = dates.dates_in(settled(items))
    if kind not in (None, Kind.DATE):
        by_name = []
    runs = runs_of(rest, kind)
    found = [Spoken(one, Kind.DATE) for one in by_name]
    found += [one for run in runs for one in _of_run(run, country, kind)]
    if kind not in (None, Kind.PHONE) or any(_can_be_rung(one, country) for one in found):
        return found
    otherwise = _phone_otherwise(items, runs, country, asked=kind is not None)
    if otherwise is None:
        return found
    return [*(one for one in found if one.is_announced and one.kind != Kind.PHONE), otherwise]


def _can_be_rung(one: Spoken, country: str) -> bool:
    return one.kind == Kind.PHONE and to_e164(one.digits, country) is not None


def _phone_otherwise(
    items: Sequence[Item], runs: Sequence[Run], country: str, *, asked: bool
) -> Spoken | None:
    """Return the telephone number that another understanding of the same words makes; None: none, or two.

    Only where one was begun: what was said begins as one does, or was announced.
    """
    begun = asked or any(
        run.announced == Kind.PHONE or run.digits.startswith(("06", "+", "00")) for run in runs
    )
    if not begun:
        return None
    for way in WAYS:
        each = runs if way == USUAL else runs_of(settled(items, way), Kind.PHONE)
        candidates = [] if way == USUAL else [run.digits for run in each]
        candidates.append("".join(run.digits for run in each if run.announced in (None, Kind.PHONE)))
        possible = {
            e164: digits
            for digits in candidates
            if 8 <= len(digits) <= LONGEST_PHONE and (asked or digits.startswith(("0", "+")))
            if (e164 := to_e164(digits, country)) is not None
        }
        if possible:
            return Spoken(next(iter(possible.values())), Kind.PHONE) if len(possible) == 1 else None
    return None


# --- what each is ------------------------------------------------------------------------------------------


def _of_run(run: Run, country: str, asked: Kind | None) -> Iterator[Spoken]:
    kind = run.announced or asked
    is_announced = run.announced is not None
    if kind == Kind.DATE or (kind is None and dates.is_written_as_date(run.items)):
        found = dates.date_of([one.digits for one in run.items if one.is_number])
        yield Spoken(found, Kind.DATE, is_announced) if found else Spoken(run.digits, Kind.OTHER)
        return
    if kind in (None, Kind.POSTCODE) and (code := _postcode(run)) is not None:
        yield Spoken(code, Kind.POSTCODE, is_announced)
        return
    if kind in (None, Kind.PHONE):
        first, rest = _phone_first(run, country)
        if first:
            # “+31 (0)6 …”: of the two beginnings a number has one.
            first = _TWO_BEGINNINGS.sub(r"\1", first)
            yield Spoken(first, Kind.PHONE, is_announced)
            if rest is not None:
                yield from _of_run(rest, country, asked)
            return
    if run.is_doubtful or (run.is_amount and kind is None):
        yield Spoken(run.digits.lstrip("+"), Kind.OTHER)
        return
    yield _plain(run, kind, asked)


def _plain(run: Run, kind: Kind | None, asked: Kind | None) -> Spoken:
    """Return a row as what it was announced, or asked for, or else by its length."""
    digits = run.digits.lstrip("+")
    is_announced = run.announced is not None and run.announced == kind
    match kind:
        case Kind.CASE:
            return Spoken(run.characters, Kind.CASE, is_announced)
        case Kind.PHONE:
            return Spoken(run.digits, Kind.PHONE if asked else Kind.OTHER, is_announced)
        case Kind.POSTCODE:
            return Spoken(digits, Kind.POSTCODE if len(digits) == 4 else Kind.OTHER, is_announced)
        case Kind.OTHER:
            return Spoken(digits, Kind.OTHER, is_announced)
    if LEAST_OF_A_CASE <= len(digits) <= MOST_OF_A_CASE or (run.has_letters and len(digits) > 1):
        return Spoken(run.characters, Kind.CASE)
    return Spoken(digits, Kind.OTHER)


def _like_a_phone(digits: str) -> bool:
    """Tell whether digits look like a telephone number as people say it, whether or not there is one."""
    if digits.startswith("+"):
        return 9 <= len(digits) <= 16
    if digits.startswith("00"):
        return 11 <= len(digits) <= 17
    return digits.startswith("0") and len(digits) == 10


def _phone_first(run: Run, country: str) -> tuple[str, Run | None]:
    """Return the telephone number that a row is, or begins with before a pause, and what follows it."""
    for end in (len(run.items), *run.breaks[:_MOST_BREAKS]):
        part = run.part(0, end)
        digits = part.digits
        if len(digits) > LONGEST_PHONE or part.has_letters:
            continue
        is_whole = end == len(run.items)
        like = _like_a_phone(digits) or (run.announced == Kind.PHONE and len(digits) >= 8)
        if like and ((is_whole and _like_a_phone(digits)) or to_e164(digits, country) is not None):
            return digits, None if is_whole else run.part(end)
    return "", None


def _postcode(run: Run) -> str | None:
    """Return a Dutch postcode: four digits that don't begin with a nought, and two letters."""
    for begin in (0, *run.breaks[:_MOST_BREAKS]):
        digits, at = "", begin
        while at < len(run.items) and run.items[at].is_number and len(digits) < 4:
            digits += run.items[at].digits
            at += 1
        letters = run.items[at].letter if at < len(run.items) and is_letter(run.items[at]) else ""
        if len(digits) == 4 and digits[0] != "0" and len(letters) == 2:
            return digits + letters.upper()
    return None
