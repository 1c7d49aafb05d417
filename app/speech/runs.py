"""Which digits and letters belong together? Rows that no other word interrupts, and what announced each."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from app.speech import vocabulary as words
from app.speech.items import Is, Item
from app.speech.kinds import Kind

# “500 euro”
_LONGEST_COUNT = 4
_A_MILLION = 1_000_000


@dataclass
class Run:
    """Numbers and letters that no other word interrupts."""

    announced: Kind | None
    items: list[Item] = field(default_factory=list)
    breaks: list[int] = field(default_factory=list)  # before which of them a pause was made

    @property
    def digits(self) -> str:
        """The digits, and a plus, without letters."""
        return "".join(
            one.digits if one.is_number else "+" for one in self.items if one.kind in (Is.NUMBER, Is.PLUS)
        )

    @property
    def characters(self) -> str:
        return "".join(one.digits if one.is_number else one.letter.upper() for one in self.items)

    @property
    def is_doubtful(self) -> bool:
        return any(one.doubtful for one in self.items)

    @property
    def is_amount(self) -> bool:
        """Whether it is said as whole millions, which count something more often than they name it."""
        [first, *others] = self.items
        return not others and first.value >= _A_MILLION and first.value % _A_MILLION == 0

    @property
    def has_letters(self) -> bool:
        return any(is_letter(one) for one in self.items)

    def part(self, begin: int, end: int | None = None) -> "Run":
        end = len(self.items) if end is None else end
        within = [one - begin for one in self.breaks if begin < one < end]
        return Run(self.announced if begin == 0 else None, self.items[begin:end], within)


def is_letter(one: Item) -> bool:
    return one.kind not in (Is.NUMBER, Is.PLUS)


def runs_of(items: Sequence[Item], asked: Kind | None = None) -> list[Run]:
    """Return the rows in which there are digits; `asked`: the kind of number that is expected."""
    builder = _Builder(items, asked)
    at = 0
    while at < len(items):
        at = builder.take(at)
    return [one for one in builder.runs if any(each.is_number for each in one.items)]


@dataclass
class _Builder:
    items: Sequence[Item]
    asked: Kind | None
    runs: list[Run] = field(default_factory=list)
    run: Run | None = None
    announced: Kind | None = None
    paused: bool = False
    length: int = 0  # of the digits of the row, counted as it grows

    def take(self, at: int) -> int:
        """Take what stands in one place; return the next."""
        one = self.items[at]
        if one.kind in (Is.NUMBER, Is.PLUS):
            if one.kind == Is.PLUS and self.run is not None and self.run.items:
                self._end()  # a telephone number begins with it
            self._add(one)
            return at + 1
        letters, after = self._letters(at)
        if letters:
            self._add(Item(Is.WORD, letters, letter=letters))
            return after
        if one.is_pause or one.kind == Is.STOP:
            self.paused = self.paused or one.kind != Is.DASH
            return at + 1
        self._uncount(one)
        said = one.announces
        if said is not None:
            self.announced = said
        elif self.run is not None:
            self.announced = None
        self._end()
        return at + 1

    def _add(self, one: Item) -> None:
        if self.run is None:
            self.run = Run(self.announced)
            self.runs.append(self.run)
        elif self.paused:
            self.run.breaks.append(len(self.run.items))
        self.run.items.append(one)
        self.length += len(one.digits)
        self.paused = False

    def _end(self) -> None:
        self.run, self.paused, self.length = None, False, 0

    def _uncount(self, one: Item) -> None:
        """Take from a number what counts the word that follows: “12345, twee weken geleden”."""
        run = self.run
        if run is None or one.text not in words.COUNTED:
            return
        first = run.items[0] if len(run.items) == 1 and run.announced is None else None
        # “vijfhonderdduizend euro”: in words, of whatever length.
        if first is not None and (len(first.digits) <= _LONGEST_COUNT or first.value >= 0):
            run.items.pop()
        elif run.breaks and run.breaks[-1] == len(run.items) - 1:
            run.items.pop()
            run.breaks.pop()

    # --- letters ----------------------------------------------------------------------------------------

    def _letters(self, at: int) -> tuple[str, int]:
        """Return the letters of the number that is being said, which stand here, and what follows them."""
        kind = self.announced or self.asked
        if self.run is not None and self.run.items:
            if kind != Kind.CASE and self.length == 4 and not self.run.has_letters:
                return self._of_postcode(at)
            if kind == Kind.CASE and self._is_spelt(self.items[at]):
                return self.items[at].letter, at + 1
            return "", at
        one = self.items[at]
        if one.kind != Is.WORD or not one.letter or len(one.text) == 2 or one.announces is not None:
            return "", at
        # Before a number: “Z-2024-12”, or of a case “zet 2024 …”.
        place = at + 1
        while place < len(self.items) and place < at + 4 and self.items[place].kind == Is.DASH:
            place += 1
        begins = place < len(self.items) and self.items[place].is_number
        is_meant = one.certain or (kind == Kind.CASE and self._is_spelt(one))
        return (one.letter, at + 1) if begins and is_meant else ("", at)

    @staticmethod
    def _is_spelt(one: Item) -> bool:
        """Tell whether a word within a case's number is a letter of it."""
        if one.kind not in (Is.WORD, Is.MONTH) or not one.letter or one.announces is not None:
            return False
        if len(one.text) == 1:
            return one.certain or one.glued or one.text not in "uio"
        return one.certain or len(one.text) > 2

    def _of_postcode(self, at: int) -> tuple[str, int]:
        """Return the two letters after four digits: “ab”, “a b”, “Anna Bernard”, “aa bee”."""
        one = self.items[at]
        if one.announces is not None or one.kind not in (Is.WORD, Is.MONTH, Is.AND):
            return "", at
        second_at = at + 1
        while second_at < min(at + 4, len(self.items)) and self._is_between(one, second_at):
            second_at += 1
        second = self.items[second_at] if second_at < len(self.items) else None
        if _is_two_letters(one) and (one.glued or one.certain or not (one.letter and _is_one_letter(second))):
            return (one.text, at + 1) if one.glued or self._may_end(one, at + 1) else ("", at)
        if not _is_one_letter(one) or not _is_one_letter(second) or second is None:
            return "", at
        third = self.items[second_at + 1] if second_at + 1 < len(self.items) else None
        if third is not None and (
            third.certain or (len(third.text) == 1 and third.letter and third.text != "u")
        ):
            return "", at
        are_words = all(_may_be_a_word(each) for each in (one, second))
        if are_words and not self._may_end(one, second_at + 1):
            return "", at
        return one.letter + second.letter, second_at + 1

    def _is_between(self, one: Item, at: int) -> bool:
        """Tell whether something stands between two letters: “de p van Pieter en de k van Karel”."""
        between = self.items[at]
        if between.kind in (Is.COMMA, Is.DASH):
            return True
        is_joint = between.text in ("en", "and", "de", "the", "dan", "then")
        near = self.items[at + 1 : at + 3]
        return is_joint and one.certain and any(each.certain for each in near)

    def _may_end(self, one: Item, after: int) -> bool:
        """Tell whether what may be a word as well stands for letters: then no sentence goes on after it."""
        if not _may_be_a_word(one):
            return True
        following = self.items[after] if after < len(self.items) else None
        if following is None or following.kind in (Is.COMMA, Is.STOP, Is.NUMBER, Is.DASH):
            return True
        return following.announces is not None


def _is_two_letters(one: Item) -> bool:
    # “dubbel a” stands as two of them, too.
    return len(one.text) == 2 and one.text.isascii() and one.text.isalpha()


def _is_one_letter(one: Item | None) -> bool:
    return one is not None and bool(one.letter) and one.kind in (Is.WORD, Is.MONTH, Is.AND)


def _may_be_a_word(one: Item) -> bool:
    return (one.text in words.WORDS_OF_TWO or one.kind == Is.AND or one.text == "u") and not one.certain
