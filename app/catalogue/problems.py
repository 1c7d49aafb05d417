"""What is wrong with one field that somebody wrote? A code of the catalogue, said to whoever reads it."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app import catalogue


@dataclass(frozen=True)
class Problem:
    """Where it is (`phones`, `rules[2].when[0].is`), a code of the catalogue, and the values in its words."""

    field: str
    code: str
    values: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def say(self, language: str) -> str:
        return catalogue.text(f"problem.{self.code}", language, **self.values)
