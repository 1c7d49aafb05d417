"""What may a token do, to what? `read`, `write`, `desk`, `directory`, or nouns: `read:calls,write:cases`."""

from collections.abc import Iterator

from app.errors import ApplicationError
from app.records.tokens import Noun, Scope

# Whoever may write something may read it; any other scope stands for itself alone.
_WITH_NOUNS = (Scope.READ, Scope.WRITE)


class NotAScope(ApplicationError):
    """A scope names what there isn't; `part` says which part of it does."""

    def __init__(self, part: str) -> None:
        super().__init__(f"not a scope: {part}")
        self.part = part


def read(text: str) -> str:
    """Return a scope as it is kept, whatever the order and spaces it came in. Raises NotAScope.

    `read:` and `write:` hold for all nouns that follow: `read:contacts,write:cases,calls`.
    """
    said: set[tuple[Scope, str | None]] = set()
    for part, scope, noun in _each(text.lower()):
        has_noun = noun is not None
        if scope not in (_WITH_NOUNS if has_noun else list(Scope)) or (has_noun and noun not in list(Noun)):
            raise NotAScope(part)
        said.add((Scope(scope), noun))
    alone = next((scope for scope, _ in said if scope not in _WITH_NOUNS), None)
    if alone and len(said) > 1:
        raise NotAScope(alone)
    least = {one for one in said if not any(_includes(other, one) for other in said - {one})}
    groups = []
    for scope in Scope:
        nouns = sorted(noun for had, noun in least if had == scope and noun)
        if nouns or (scope, None) in least:
            groups.append(f"{scope}:{','.join(nouns)}" if nouns else str(scope))
    return ",".join(groups)


def allows(held: str, scope: Scope, noun: Noun | None) -> bool:
    """Whether a token that holds this scope may read, or write, what is about `noun`.

    What is about no noun takes `read` or `write` as a whole. A noun that isn't known here opens nothing.
    """
    return any(_includes((had, about), (scope, noun)) for _, had, about in _each(held))


def needed(scope: Scope, noun: Noun | None) -> str:
    """Return the least that is enough."""
    return f"{scope}:{noun}" if noun else str(scope)


def _includes(held: tuple[str, str | None], asked: tuple[Scope, str | None]) -> bool:
    is_enough = held[0] == asked[0] or (held[0], asked[0]) == (Scope.WRITE, Scope.READ)
    return is_enough and held[1] in (None, asked[1])


def _each(text: str) -> Iterator[tuple[str, str, str | None]]:
    """Yield each part, its scope (empty where none was named) and its noun; None: it is for all of them."""
    current = ""
    for part in (part.strip() for part in text.split(",")):
        before, colon, noun = (each.strip() for each in part.partition(":"))
        if colon:
            current = before
            yield part, before, noun
        elif part in list(Scope):
            current = ""
            yield part, part, None
        else:
            yield part, current, part
