"""What is wrong with rules that somebody wrote, and how is it mended? Field by field, in words."""

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from app import catalogue
from app.errors import ApplicationError


@dataclass(frozen=True)
class Mistake:
    """Where it is (`rules[2].when[0].is`), a code of the catalogue (`problem.rules_…`), and its values."""

    field: str
    code: str
    values: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def say(self, language: str) -> str:
        return catalogue.text(f"problem.{self.code}", language, **self.values)


class InvalidRules(ApplicationError):
    """These are no rules; every mistake stands in `mistakes`."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__(", ".join(f"{one.field}: {one.code}" for one in self.mistakes))
