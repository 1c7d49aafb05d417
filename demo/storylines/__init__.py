"""Which storylines are there to draw from?"""

from demo.storylines import burgerzaken, vergunningen, werk_en_inkomen
from demo.storylines.model import Step, Storyline

STORYLINES: tuple[Storyline, ...] = (
    *burgerzaken.STORYLINES,
    *vergunningen.STORYLINES,
    *werk_en_inkomen.STORYLINES,
)

__all__ = ["STORYLINES", "Step", "Storyline", "storyline"]


def storyline(key: str) -> Storyline:
    """Return the storyline with this key. Raises KeyError when there is none."""
    return _BY_KEY[key]


_BY_KEY = {each.key: each for each in STORYLINES}
