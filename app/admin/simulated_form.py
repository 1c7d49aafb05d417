"""What does the form of a simulated call say? Flat fields, to and from the call that they describe."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from app.agents.presence import Reachability
from app.routing.asked_call import CallerKind, NotACall
from app.routing.mistakes import Mistake

BY_NUMBER = "number"
KINDS = (BY_NUMBER, *map(str, CallerKind))
PLACES = tuple(str(one) for one in Reachability if one != Reachability.LEFT)
_OF_A_CASE = ("team", "owner", "priority", "age_days", "status")
_PERSON = "p."  # before the key of an agent, in the name of the field that says where they are


@dataclass
class Form:
    kind: str = BY_NUMBER
    number: str = ""
    line: str = ""
    at: str = ""  # by the clock where the line is
    draft: bool = False
    language: str = "nl"
    tags: str = ""  # separated by commas
    team: str = ""
    owner: str = ""
    status: str = "open"
    priority: str = ""
    age_days: str = ""
    calls: str = ""
    last: str = ""  # who handled the case last, and before that
    before: str = ""
    promise: str = "none"
    promised_by: str = ""
    heard: str = ""  # what they answer when they are asked what it is about
    presence: dict[str, str] = field(default_factory=dict)
    is_asked: bool = False

    @classmethod
    def of(cls, said: Any) -> "Form":
        known = {name: said.get(name, "").strip() for name in _TEXTS if name in said}
        form = cls(**{name: text for name, text in known.items() if text})
        form.draft = said.get("draft") == "yes"
        form.is_asked = "kind" in said
        form.presence = {
            name.removeprefix(_PERSON): place
            for name, place in said.items()
            if name.startswith(_PERSON) and place
        }
        return form

    def as_call(self, zone: ZoneInfo) -> dict[str, Any]:
        """Return the call as other systems would ask for it. Raises NotACall for a moment that is none."""
        call: dict[str, Any] = {"presence": self.presence}
        if self.line:
            call["line"] = self.line
        if self.at:
            try:
                call["at"] = datetime.fromisoformat(self.at).replace(tzinfo=zone).isoformat()
            except ValueError:
                raise NotACall(Mistake("at", "not_a_time", {"text": self.at[:60]})) from None
        if self.kind == BY_NUMBER:
            if not self.number:
                raise NotACall(Mistake("from", "missing"))
            return call | {"from": self.number}
        return call | {"caller": self._caller()}

    def _caller(self) -> dict[str, Any]:
        caller: dict[str, Any] = {"kind": self.kind, "language": self.language}
        caller["tags"] = [tag.strip() for tag in self.tags.split(",") if tag.strip()]
        caller["handled_by"] = [key for key in (self.last, self.before) if key]
        caller["promise"] = self.promise
        if self.promised_by:
            caller["promised_by"] = self.promised_by
        if self.calls:
            caller["calls"] = _whole(self.calls)
        if self.kind == CallerKind.KNOWN:
            values = {name: getattr(self, name) for name in _OF_A_CASE if getattr(self, name)}
            if "age_days" in values:
                values["age_days"] = _whole(values["age_days"])
            caller["case"] = values
        return caller

    def fill_from(self, call: Mapping[str, Any], at: datetime | None) -> None:
        """Show in the form what a call says that came as a whole."""
        self.line = str(call.get("line", ""))
        self.at = at.strftime("%Y-%m-%dT%H:%M") if at is not None else ""
        self.presence = dict(call.get("presence", {}))
        if "from" in call:
            self.kind, self.number = BY_NUMBER, str(call["from"])
            return
        caller = call.get("caller") or {}
        case = caller.get("case") or {}
        self.kind = caller.get("kind", str(CallerKind.KNOWN))
        self.language = caller.get("language", "nl")
        self.tags = ", ".join(caller.get("tags", ()))
        self.calls = str(caller.get("calls", ""))
        self.last, self.before = [*caller.get("handled_by", ()), "", ""][:2]
        self.promise = caller.get("promise", "none")
        self.promised_by = caller.get("promised_by") or ""
        for name in _OF_A_CASE:
            setattr(self, name, str(case.get(name) or ""))


_TEXTS = (
    *(
        "kind",
        "number",
        "line",
        "at",
        "language",
        "tags",
        "promise",
        "promised_by",
        "calls",
        "last",
        "before",
        "heard",
    ),
    *_OF_A_CASE,
)


def _whole(text: str) -> Any:
    """Return a whole number as one; what is none is told by whoever reads the call."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 6 else text
