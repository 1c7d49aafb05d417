"""Does the caller ask for somebody else? Read from what was said at a prompt, in Dutch or English."""

import re

# Whole words only: “niemand anders” holds “iemand anders”.
_SOMEBODY_ELSE = re.compile(
    r"\b(iemand anders|anders iemand|een ander"
    r"|andere? (medewerker|medewerkster|collega|persoon|mens)"
    r"|(some|any)(one|body) else|(another|a different) (person|colleague|agent|one))\b"
)
# Who tells a story speaks of others: “iemand anders heeft mij gebeld”.
_TELLS_OF_OTHERS = re.compile(
    r"\b(had|hebt|heb|heeft|hebben|was|waren|zei|zegt|sprak|gesproken|gebeld|belde|geholpen|gezegd|beloofd"
    r"|told|said|spoke|spoken|called|rang|promised|helped|does|did|has|nobody|no)\b"
)
_REFUSES_IT = re.compile(r"\b(niet iemand|geen ander|not (some|any)(one|body)|not another)\b")
# A wish is short; beyond it somebody is saying what it is about.
MOST_WORDS = 12


def asks_for_another(speech: str) -> bool:
    """Tell whether these words ask for somebody else than the agent who was named."""
    words = re.findall(r"\w+", speech.lower())
    said = " ".join(words)
    if not words or len(words) > MOST_WORDS or _TELLS_OF_OTHERS.search(said) or _REFUSES_IT.search(said):
        return False
    return _SOMEBODY_ELSE.search(said) is not None
