"""Does a field stand where the carrier put it? For a signature says less than it seems.

What is signed is names and values in one string, with nothing between them: whoever holds one signed form can
cut that string into other names and other values, and the signature still fits
(https://www.twilio.com/docs/usage/security#validating-requests). The string itself they can't change. So a
field is believed only when the string leaves no choice: its name, followed by what can be its value, stands
in it once, there, and the value ends where no other end is possible. That depends on the string alone, so the
form that the carrier sent and any that was cut out of it are judged alike.

Fields of which we know nothing may come and go, as the carrier adds them without notice.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, lru_cache
from itertools import accumulate
from typing import NamedTuple

# Names as the carrier makes them; what else comes as one was cut out of a value, or out of the address.
NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:_[A-Za-z0-9._-]+)?")


def _sid(prefix: str) -> str:
    return prefix + "[0-9a-fA-F]{32}"


_WORD = (
    "[a-z]+(?:[-_][a-z]+)*"  # in-progress, machine_end_beep: no name begins so, hence it ends where it ends
)
_AT_HOST = r"(?:@[a-z0-9.:-]+(?:;[a-z0-9=.-]+)*)?"  # a number at somebody's exchange
_COUNT = "[0-9]{1,10}"
_SCHEME = "(?:whatsapp:|sips?:|tel:)?"
# As people and exchanges write them: 06-12345678, +31 (0)6 12345678. A blank before it is a plus that got
# lost on the way; with so many digits it is no year that somebody writes of.
_WRITTEN = r"[0-9 ().\u202c-]"
_LOST_PLUS = "(?: (?=[0-9]{8}))?"
# What each field that we read looks like when it means something, and where it must end: none of these can go
# on into a name, which begins with a capital. https://www.twilio.com/docs/voice/twiml#request-parameters
SHAPES = {
    **{name: re.compile(_sid("CA")) for name in ("CallSid",)},
    **{name: re.compile(_sid("(?:SM|MM)")) for name in ("MessageSid", "SmsSid")},
    "RecordingSid": re.compile(_sid("RE")),
    "From": re.compile(_SCHEME + _LOST_PLUS + r"\u202a?\+?[0-9]" + _WRITTEN + "{2,24}" + _AT_HOST),
    # Two letters and a few digits also stand in the carrier's tokens, by chance.
    "To": re.compile(
        _SCHEME + _LOST_PLUS + r"(?:\+[0-9]" + _WRITTEN + "{2,24}|[0-9]" + _WRITTEN + "{7,24})" + _AT_HOST
    ),
    **{
        name: re.compile(_WORD)
        for name in (
            *("CallStatus", "DialCallStatus", "QueueResult", "RecordingStatus", "MessageStatus"),
            "AnsweredBy",
        )
    },
    **{
        name: re.compile(_COUNT)
        for name in (
            *("CallDuration", "DialCallDuration", "RecordingDuration", "QueueTime", "ErrorCode", "NumMedia"),
        )
    },
    "Direction": re.compile("(?:inbound|outbound|trunking)(?:-[a-z]+)*"),
    "DialBridged": re.compile("(?:true|false|True|False)"),
    "Digits": re.compile("[0-9*#]{1,64}|hangup"),
    "OptOutType": re.compile("STOP|START|HELP"),
    "StirVerstat": re.compile(
        "(?:TN-Validation-(?:Passed|Failed)(?:-[ABC])?|No-TN-Validation)(?:-Diverted|-Passthrough)*"
    ),
}
# Text that people say or write, and what may come next: it ends there. A name that we don't know may come
# next as well, when it can't have been cut out of what people say: none of their words goes on like ThisOne.
_AFTER_TEXT = {
    "Body": {
        "ChannelMetadata": re.compile(r'\{"type":'),
        "ChannelPrefix": re.compile("whatsapp"),
        "From": SHAPES["From"],
    },
    "SpeechResult": {
        "StirPassportToken": re.compile("eyJ"),
        "StirStatus": re.compile("[A-C]"),
        "StirVerstat": SHAPES["StirVerstat"],
        "Timestamp": re.compile("(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), [0-9]{2} "),
        "To": SHAPES["To"],
    },
}
_NEW_NAME = re.compile("[A-Z][a-z]+[A-Z][A-Za-z0-9]*")
TEXTS = tuple(_AFTER_TEXT)
# Longer names that end as one of ours does. Any other is in doubt: its beginning may be the end of a value.
_LONGER = {
    "CallSid": ("ParentCallSid", "DialCallSid", "DequeingCallSid", "OriginatingCallSid"),
    "CallStatus": ("DialCallStatus", "ParticipantCallStatus"),
    "CallDuration": ("DialCallDuration",),
    "QueueTime": ("AvgQueueTime",),
    "MessageSid": ("SmsMessageSid", "OriginalRepliedMessageSid"),
    "ErrorCode": ("RecordingErrorCode",),
    "NumMedia": ("ReferralNumMedia",),
    "From": ("ForwardedFrom",),
    "Body": ("ReferralBody",),
    "SpeechResult": ("StableSpeechResult", "UnstableSpeechResult"),
}
_ANYTHING = re.compile("")
_READ = (*SHAPES, *TEXTS)


@cache
def _with_value(name: str, shape: re.Pattern[str]) -> re.Pattern[str]:
    """Return what finds a name that is followed by what can be its value, the first group."""
    return re.compile(f"{name}(?=({shape.pattern}))")


_WITH_VALUE = {name: _with_value(name, shape) for name, shape in SHAPES.items()}


@lru_cache(maxsize=1000)
def _is_name(name: str) -> bool:
    return NAME.fullmatch(name) is not None


class _Piece(NamedTuple):
    """One name and one of its values, and where in the string the name begins."""

    name: str
    value: str
    at: int

    @property
    def value_at(self) -> int:
        return self.at + len(self.name)

    @property
    def end(self) -> int:
        return self.value_at + len(self.value)


class SignedForm:
    """A form beside the string under its signature."""

    def __init__(self, fields: Mapping[str, Sequence[str]]) -> None:
        """`fields` are the names, each with its values."""
        self._values: dict[str, Sequence[str]] = {}
        parts: list[str] = []
        # In the order, and without the doubles, of the carrier's own validator.
        for name, values in sorted(fields.items()):
            self._values[name] = values if len(values) == 1 else sorted(set(values))
            for value in self._values[name]:
                parts += (name, value)
        self._signed = "".join(parts)
        starts = list(accumulate(map(len, parts), initial=0))
        # Where each name stands first: of several the last one stays.
        self._at = dict(zip(parts[-2::-2], starts[-3::-2], strict=True))
        self._judged: dict[str, str | None] = {}

    @property
    def signed(self) -> str:
        """What was signed beside the address: names and values, with nothing between them."""
        return self._signed

    @property
    def has_strange_names(self) -> bool:
        """Whether a name is one that the carrier never gives: then nothing of the form is to be believed."""
        return not all(map(_is_name, self._values))

    @property
    def is_doubtful(self) -> bool:
        """Whether any field that we read may have been put there, or hidden, by somebody else."""
        return self.has_strange_names or any(
            self.value(name) is None for name in _READ if name in self._signed
        )

    def value(self, name: str) -> str | None:
        """Return the field's value, "" when there is none that means anything, None when it is in doubt.

        A sender that is no number, such as `anonymous` or `client:anna`, is none that means anything. Fields
        that we don't read are given as they stand.
        """
        if name not in self._judged:
            self._judged[name] = self._judge(name)
        return self._judged[name]

    def _judge(self, name: str) -> str | None:
        if name not in self._signed:
            return ""
        own = self._own(name)
        if name in _AFTER_TEXT:
            return self._text(name, own)
        if name not in SHAPES:
            return own.value if own is not None else ""
        if own is not None and self._stands_alone(own):
            return own.value
        strong = dict(self._found(name, _WITH_VALUE[name]))
        if own is None:
            return None if strong or name in self._values else ""
        if not SHAPES[name].fullmatch(own.value):
            return None if strong else ""
        return own.value if strong == {own.at: own.end} else None

    def _stands_alone(self, own: "_Piece") -> bool:
        """Tell whether nothing but this piece looks like the field, as in nearly every form.

        That is found sooner than what else may be meant.
        """
        with_value = _WITH_VALUE[own.name]
        found = with_value.search(self._signed)
        return (
            found is not None
            and (found.start(), found.end(1)) == (own.at, own.end)
            and SHAPES[own.name].fullmatch(own.value) is not None
            and with_value.search(self._signed, own.value_at) is None
        )

    def text(self, name: str) -> str:
        """Return what stands there, whether it is to be believed or not: for people to read."""
        own = self._own(name)
        return own.value if own is not None else ""

    def _own(self, name: str) -> _Piece | None:
        own = self._values.get(name, ())
        return _Piece(name, own[0], self._at[name]) if len(own) == 1 else None

    def _pieces(self, name: str) -> Iterator[_Piece]:
        at = self._at.get(name, 0)
        for value in self._values.get(name, ()):
            piece = _Piece(name, value, at)
            yield piece
            at = piece.end

    def _found(self, name: str, with_value: re.Pattern[str]) -> Iterator[tuple[int, int]]:
        """Yield where the name stands with what can be its value, and where that ends.

        Except at the end of a longer name.
        """
        for found in with_value.finditer(self._signed):
            if not self._ends_longer_name(name, found.end()):
                yield found.start(), found.end(1)

    def _ends_longer_name(self, name: str, end: int) -> bool:
        """Tell whether it is the end of another name of the form that means something: ParentCallSid."""
        return any(
            piece.value_at == end and (name not in SHAPES or SHAPES[name].fullmatch(piece.value) is not None)
            for longer in _LONGER.get(name, ())
            for piece in self._pieces(longer)
        )

    def _text(self, name: str, own: _Piece | None) -> str | None:
        """Return a text whose beginning and end are certain."""
        anywhere = self._found(name, _with_value(name, _ANYTHING))
        elsewhere = [at for at, _ in anywhere if own is None or not own.at <= at < own.end]
        if elsewhere or (own is None and name in self._values):
            return None
        if own is None:
            return ""
        starts = {piece.at: piece for other in self._values if other != name for piece in self._pieces(other)}
        following, may_follow = starts.get(own.end), _AFTER_TEXT[name]
        for other, shape in may_follow.items():
            if other in self._signed and any(
                at > own.at and at not in starts for at, _ in self._found(other, _with_value(other, shape))
            ):
                return None
        if following is None:
            return own.value
        if following.name in may_follow:
            return own.value if may_follow[following.name].match(following.value) else None
        is_new = _NEW_NAME.fullmatch(following.name) and not own.value[-1:].isspace()
        return own.value if is_new else None
