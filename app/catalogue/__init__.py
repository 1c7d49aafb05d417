"""What do we say, in each language? Every sentence that a person hears or reads stands in these TOML files.

One file for each kind (`say`: spoken to callers and agents; `reason`: why a step was taken; `page`: what
pages show; `problem`: what went wrong and how to mend it); in it one table for each code with a text for
each language, side by side so that a missing translation is seen. Values stand in braces.
"""

import tomllib
from functools import cache
from pathlib import Path

LANGUAGES = ("nl", "en")


@cache
def _texts() -> dict[str, dict[str, str]]:
    texts: dict[str, dict[str, str]] = {}
    for path in sorted(Path(__file__).parent.glob("*.toml")):
        with path.open("rb") as file:
            for code, by_language in tomllib.load(file).items():
                texts[f"{path.stem}.{code}"] = by_language
    return texts


def text(code: str, language: str, **values: object) -> str:
    """Return the text of `code` (`say.owner_busy`) in `language`, English when it isn't one of ours.

    Raises KeyError for an unknown code or a missing value: a sentence with a hole in it is never said.
    """
    by_language = _texts()[code]
    return by_language.get(language, by_language["en"]).format_map(values)


def codes(kind: str) -> list[str]:
    """List the codes of one kind, without its name before them."""
    return [code.removeprefix(f"{kind}.") for code in _texts() if code.startswith(f"{kind}.")]
