"""What is told to us by other systems? The five kinds of records, and the fields of each."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Generic, TypeVar

import phonenumbers

from app import catalogue
from app.api import fields as f
from app.api.fields import Defaults, Field, Problem, Refused
from app.records.callers import CaseStatus, Channel, Direction

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class AgentRecord:
    agent: str
    name: str
    spoken_name: str
    email: str
    team: str
    phone: str | None
    language: str
    enabled: bool | None  # None: leave it as it is


@dataclass(frozen=True, slots=True)
class LineRecord:
    number: str
    name: str
    language: str
    country: str
    team: str
    timezone: str
    hours: str
    greeting: str | None  # None: leave it as it is
    records_messages: bool | None  # None: leave it as it is


@dataclass(frozen=True, slots=True)
class CustomerRecord:
    customer: str
    name: str
    phones: tuple[str, ...]
    language: str
    postcode: str
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CaseRecord:
    case: str
    customer: str
    subject: str
    team: str
    status: str
    priority: str
    opened_at: datetime
    url: str
    owner: str | None


@dataclass(frozen=True, slots=True)
class ContactRecord:
    contact: str
    case: str
    agent: str
    channel: str
    direction: str
    started_at: datetime
    seconds: int
    outcome: str
    summary: str


@dataclass(frozen=True)
class Kind(Generic[R]):
    """One kind of record: its name in the plural, what it is read into, and its fields, the key first."""

    name: str
    record: type[R]
    fields: tuple[Field, ...]

    @property
    def key(self) -> Field:
        return self.fields[0]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the CSV, in the order of its description."""
        return tuple(one.name for one in self.fields if not one.only_api)

    def from_cells(self, cells: list[str], defaults: Defaults) -> R:
        """Read a row whose cells stand in the order of `columns`. Raises Refused with all that is wrong."""
        texts = cells + [""] * (len(self.fields) - len(cells))
        return self._record(texts, defaults)

    def from_json(self, key: str, body: Mapping[str, Any], defaults: Defaults) -> R:
        """Read what a PUT brought; `key` is the address's and wins. Raises Refused with all that is wrong."""
        names = {one.name for one in self.fields}
        problems = [Problem(name, "unknown_field") for name in body if name not in names]
        texts = []
        for one in self.fields:
            try:
                texts.append(_text(body.get(one.name), one))
            except f.Unusable as unusable:
                problems.append(Problem(one.name, unusable.code, unusable.values_said))
                texts.append("")
        named = texts[0].strip()
        texts[0] = key
        wrong = {problem.field for problem in problems}
        try:
            record = self._record(texts, defaults)
        except Refused as refused:
            # A value of the wrong type was read as an empty one: that is no second problem.
            problems += [problem for problem in refused.problems if problem.field not in wrong]
            raise Refused(problems) from refused
        if named and named != key and named != getattr(record, self.key.name):
            problems.append(Problem(self.key.name, "other_than_address", {"key": key}))
        if problems:
            raise Refused(problems)
        return record

    def _record(self, texts: list[str], defaults: Defaults) -> R:
        if self.record is LineRecord:
            defaults = _of_the_line(texts, self.fields, defaults)
        return self.record(*f.read_all(self.fields, texts, defaults))


def _of_the_line(texts: list[str], its_fields: tuple[Field, ...], defaults: Defaults) -> Defaults:
    """A line's number in a national form is its own country's."""
    named = texts[[one.name for one in its_fields].index("country")].strip().upper()
    return Defaults(named, defaults.language) if named in phonenumbers.SUPPORTED_REGIONS else defaults


def _text(value: object, one: Field) -> str:
    """Return a JSON value as the cell of a CSV would hold it. Raises Unusable for another type."""
    types = one.schema.get("type", ())
    match value:
        case None:
            return ""
        case str():
            return value
        case bool() if "boolean" in types:
            return "true" if value else "false"
        case int() if "integer" in types and not isinstance(value, bool):
            return str(value)
        case list() if "array" in types and all(isinstance(item, str) for item in value):
            if any(f.SEPARATOR in item for item in value):
                raise f.Unusable("bar_in_item")
            return f.SEPARATOR.join(value)
    names = (types,) if isinstance(types, str) else types
    raise f.Unusable("wrong_type", expected=" / ".join(name for name in names if name != "null"))


def _string(most: int | None = None, **more: Any) -> dict[str, Any]:
    return {"type": "string", **({"maxLength": most} if most else {}), **more}


def _default_language(defaults: Defaults) -> str:
    return defaults.language


def _default_country(defaults: Defaults) -> str:
    return defaults.country


_OURS = catalogue.LANGUAGES
_KEY = _string(121)
_AGENT = _string(121, pattern="^[A-Za-z0-9_]+$")
_PHONE = {"description": "about_phone"}
_MOMENT = _string(format="date-time", description="about_moment")
_LIST = {"type": ["array", "string"], "items": {"type": "string"}}
_OUR_LANGUAGE = _string(enum=list(_OURS), description="about_our_language")

AGENTS = Kind(
    "agents",
    AgentRecord,
    (
        Field("agent", f.agent_key, _AGENT, required=True),
        Field("name", f.line_of_text(200), _string(200), required=True),
        Field(
            "spoken_name",
            f.line_of_text(100),
            _string(100, description="about_spoken_name"),
        ),
        Field("email", f.email, _string(254)),
        Field("team", f.line_of_text(120), _string(120), required=True),
        Field("phone", f.phone, {"type": ["string", "null"], **_PHONE}, empty=None),
        Field("language", f.one_of(_OURS), _OUR_LANGUAGE, fill=_default_language),
        Field(
            "enabled",
            f.yes_or_no,
            {
                "type": "boolean",
                "description": "about_enabled",
            },
            empty=None,
            only_api=True,
        ),
    ),
)

LINES = Kind(
    "lines",
    LineRecord,
    (
        Field("number", f.phone, _string(32, **_PHONE), required=True),
        Field("name", f.line_of_text(200), _string(200), required=True),
        Field("language", f.one_of(_OURS), _OUR_LANGUAGE, fill=_default_language),
        Field(
            "country",
            f.country,
            _string(2, description="about_country"),
            fill=_default_country,
        ),
        Field("team", f.line_of_text(120), _string(120), required=True),
        Field("timezone", f.timezone, _string(64, examples=["Europe/Amsterdam"]), required=True),
        Field(
            "hours",
            f.hours,
            _string(1000, examples=["Mo-Fr 09:00-17:30; Sa 10:00-14:00"], description="about_hours"),
        ),
        Field(
            "greeting",
            f.paragraphs(500),
            _string(500, description="about_greeting"),
            empty=None,
            only_api=True,
        ),
        Field(
            "records_messages",
            f.yes_or_no,
            {
                "type": "boolean",
                "description": "about_records_messages",
            },
            empty=None,
            only_api=True,
        ),
    ),
)

CUSTOMERS = Kind(
    "customers",
    CustomerRecord,
    (
        Field("customer", f.key, _KEY, required=True),
        Field("name", f.line_of_text(200), _string(200), required=True),
        Field("phones", f.phones, {**_LIST, **_PHONE, "maxItems": f.MOST_ITEMS}, empty=()),
        Field(
            "language",
            f.any_language,
            _string(2, description="about_any_language"),
            fill=_default_language,
        ),
        Field("postcode", f.line_of_text(16), _string(16)),
        Field("tags", f.tags, {**_LIST, "maxItems": f.MOST_ITEMS}, empty=()),
    ),
)

CASES = Kind(
    "cases",
    CaseRecord,
    (
        Field("case", f.key, _KEY, required=True),
        Field("customer", f.key, _KEY, required=True),
        Field("subject", f.line_of_text(300), _string(300), required=True),
        Field("team", f.line_of_text(120), _string(120), required=True),
        Field(
            "status",
            f.one_of(CaseStatus),
            _string(enum=[str(status) for status in CaseStatus], description="about_status"),
            empty=str(CaseStatus.OPEN),
        ),
        Field("priority", f.line_of_text(20), _string(20, description="about_priority"), empty="normal"),
        Field("opened_at", f.moment, _MOMENT, required=True),
        Field("url", f.url, _string(2000, description="about_url")),
        Field(
            "owner",
            f.agent_key,
            {
                "type": ["string", "null"],
                "description": "about_owner",
            },
            empty=None,
        ),
    ),
)

CONTACTS = Kind(
    "contacts",
    ContactRecord,
    (
        Field("contact", f.key, _KEY, required=True),
        Field("case", f.key, _KEY, required=True),
        Field("agent", f.agent_key, _AGENT, required=True),
        Field("channel", f.one_of(Channel), _string(enum=[str(one) for one in Channel]), required=True),
        Field("direction", f.one_of(Direction), _string(enum=[str(one) for one in Direction]), required=True),
        Field("started_at", f.moment, _MOMENT, required=True),
        Field("seconds", f.seconds, {"type": "integer", "minimum": 0, "maximum": f.MOST_SECONDS}, empty=0),
        Field("outcome", f.line_of_text(120), _string(120)),
        Field("summary", f.paragraphs(10_000), _string(10_000, description="about_summary")),
    ),
)

KINDS: dict[str, Kind[Any]] = {kind.name: kind for kind in (AGENTS, CUSTOMERS, CASES, CONTACTS, LINES)}

for _kind in KINDS.values():
    # Values are handed over by position.
    if [one.name for one in fields(_kind.record)] != [one.name for one in _kind.fields]:
        raise TypeError(f"the fields of {_kind.name} and of its record differ")
