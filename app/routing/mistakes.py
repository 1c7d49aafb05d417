"""What is wrong with rules that somebody wrote, and how is it mended? Field by field, in words."""

from collections.abc import Iterable

from app.catalogue.problems import Problem as Mistake
from app.errors import ApplicationError

__all__ = ["InvalidRules", "Mistake"]


class InvalidRules(ApplicationError):
    """These are no rules; every mistake stands in `mistakes`."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__(", ".join(f"{one.field}: {one.code}" for one in self.mistakes))
