"""Does somebody want no more messages, or want them again? A word for it, asked for politely or not.

Anything else in the message leaves it to a human: “stop maar met die brieven” is about something else.
"""

import re

# https://help.twilio.com/articles/223134027, and Dutch ones. Those that mean a callback just as well (CANCEL)
# count only when they stand alone.
_CLEAR = frozenset(
    "stop stopall unsubscribe revoke optout afmelden uitschrijven stoppen afmelding uitschrijving".split()
)
_ALONE = _CLEAR | {"cancel", "end", "quit"}
_CLEAR_AGAIN = frozenset("start unstop aanmelden".split())
_AGAIN_ALONE = _CLEAR_AGAIN | {"yes", "ja"}
_POLITE = frozenset(
    """aub svp alstublieft alsjeblieft graag dank u je jou jullie wel dankuwel dankjewel bedankt hartelijk
    vriendelijk please pls plz thanks thank you thx kindly me mij hallo hoi beste dag hello hi""".split()
)
# What is stopped, where that is said.
_MESSAGES = frozenset(
    """sms smsen smsjes smsje smsberichten berichten bericht berichtjes appjes message messages text texts
    texting""".split()
)
_WITH = frozenset("met deze die dit uw alle sending these the all".split())
_NO_MORE = re.compile(r"(?:geen (\w+) meer|no more (\w+))")
MOST_WORDS = 20
LONGEST = 200


def asks_to_stop(text: str) -> bool:
    """Tell whether this asks for no more messages, and for nothing else."""
    words = _words(text)
    if len(words) == 1:
        return words[0] in _ALONE
    asked = [word for word in words if word not in _POLITE]
    if match := _NO_MORE.fullmatch(" ".join(asked)):
        return (match[1] or match[2]) in _MESSAGES
    stops = [word for word in asked if word in _CLEAR]
    about = [word for word in asked if word not in _CLEAR]
    if not stops or not _MESSAGES.union(_WITH).issuperset(about):
        return False
    # “stop met die” leaves open with what.
    return not about or bool(_MESSAGES.intersection(about))


def asks_to_resume(text: str) -> bool:
    """Tell whether this asks for messages again, and for nothing else."""
    words = _words(text)
    if len(words) == 1:
        return words[0] in _AGAIN_ALONE
    asked = [word for word in words if word not in _POLITE]
    return bool(asked) and _CLEAR_AGAIN.issuperset(asked)


def _words(text: str) -> list[str]:
    """Return the words in small letters, without signs; none of a text that tells more, or asks."""
    if len(text) > LONGEST or "?" in text:
        return []
    plain = re.sub(r"\ba\.u\.b\b\.?|\bs\.v\.p\b\.?", "aub", text.lower()).replace("'", "").replace("’", "")
    plain = re.sub(r"\bopt[- ]out\b", "optout", plain)
    words = re.findall(r"\w+", plain)
    return words if len(words) <= MOST_WORDS else []
