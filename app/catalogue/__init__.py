"""What do we say, in each language? Every sentence that a person hears or reads stands in these TOML files.

One file for each kind (`say`: spoken to callers and agents; `reason`: why a step was taken; `page`: what
pages show; `day`: days and times on them; `problem`: what went wrong and how to mend it); in it one table for
each code with a text for each language, side by side so that a missing translation is seen. Values stand in
braces. A text that bends with a count has a form for each plural category of its language: `nl.count.one`,
`nl.count.other`.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from babel import Locale
    from babel.plural import PluralRule

LANGUAGES = ("nl", "en")
_FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Forms:
    """A text in as many forms as its language has plural categories; a value decides which is said."""

    value: str  # its name
    by_category: Mapping[str, str]
    language: str

    def format_map(self, values: Mapping[str, Any]) -> str:
        count = values[self.value]
        # What is no number, such as the “…” of a description, takes the form of all the rest, as in CLDR.
        category = _plural_rule(self.language)(count) if isinstance(count, int) else "other"
        return self.by_category[category].format_map(values)


def locale(language: str) -> "Locale":
    """Return how a language counts and what it calls the days; English when it isn't one of ours."""
    return _locale(language if language in LANGUAGES else "en")


@cache
def _locale(language: str) -> "Locale":
    from babel import Locale  # it takes long, and a command that counts nothing needs none

    return Locale(language)


@cache
def _plural_rule(language: str) -> "PluralRule":
    return locale(language).plural_form


@cache
def _texts(kind: str) -> dict[str, dict[str, str | Forms]]:
    """Return the texts of one file: a command needs two, and reading all takes a tenth of a second."""
    path = _FOLDER / f"{kind}.toml"
    if not path.is_file():
        raise KeyError(kind)
    with path.open("rb") as file:
        return {
            code: {
                language: written if isinstance(written, str) else _forms(written, language)
                for language, written in by_language.items()
            }
            for code, by_language in tomllib.load(file).items()
        }


def read_all() -> None:
    """Read every file now: whoever serves must find its words whatever fails later."""
    for path in _FOLDER.glob("*.toml"):
        _texts(path.stem)
    for language in LANGUAGES:
        _plural_rule(language)


def _forms(written: dict[str, dict[str, str]], language: str) -> Forms:
    ((value, by_category),) = written.items()
    return Forms(value, by_category, language)


def text(code: str, language: str, **values: object) -> str:
    """Return the text of `code` (`say.owner_busy`) in `language`, English when it isn't one of ours.

    Raises KeyError for an unknown code or a missing value: a sentence with a hole in it is never said.
    """
    kind, _, name = code.partition(".")
    by_language = _texts(kind)[name]
    return by_language.get(language, by_language["en"]).format_map(values)


def codes(kind: str) -> list[str]:
    """List the codes of one kind, without its name before them."""
    return list(_texts(kind))
