"""What is told to us by other systems? The five kinds of records, and the fields of each."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Annotated, Any, ClassVar, Generic, TypeVar

import phonenumbers
from pydantic import Field, TypeAdapter, ValidationError

from app.api.fields import (
    ONE_LINE,
    PARAGRAPHS,
    AgentKey,
    AgentsPhone,
    AnyLanguage,
    CalendarDay,
    Country,
    Defaults,
    Email,
    Key,
    Moment,
    Name,
    NumberOfALine,
    OpeningHours,
    OurLanguage,
    OwnDates,
    OwnHours,
    Phone,
    Phones,
    Problem,
    Refused,
    Said,
    Seconds,
    Tags,
    Team,
    TimeZone,
    Url,
    Words,
    YesOrNo,
    one_of,
)
from app.lines.dates import LONGEST_WHY, OwnDate
from app.outgoing.words import words
from app.records.callers import CaseStatus, Channel, Direction
from app.records.topics import LONGEST_EXAMPLE

R = TypeVar("R", bound="Record")

ABOUT_NONE = "-"  # for an example of what is about no topic


class Record(Said):
    """One record, the key first. What is left open of language or country the deployment decides."""

    only_api: ClassVar[frozenset[str]] = frozenset()  # no columns of the CSV; None: left as it is


class AgentRecord(Record):
    only_api = frozenset({"enabled"})

    agent: AgentKey
    name: Name
    spoken_name: Annotated[str, Field(max_length=100), ONE_LINE] = Field("", description="about_spoken_name")
    email: Email = ""
    team: Team
    phone: AgentsPhone | None = Field(None, description="about_agents_phone")
    language: OurLanguage = Field("", description="about_our_language")
    enabled: YesOrNo | None = Field(None, description="about_enabled")


class LineRecord(Record):
    only_api = frozenset({"greeting", "records_messages", "asks", "question", "sends_screen", "dates"})

    number: NumberOfALine = Field(description="about_phone", json_schema_extra={"maxLength": 32})
    name: Name
    language: OurLanguage = Field("", description="about_our_language")
    country: Country = Field("", description="about_country")
    team: Team
    timezone: TimeZone = Field(examples=["Europe/Amsterdam"])
    hours: OpeningHours = Field("", description="about_hours", examples=["Mo-Fr 09:00-17:30; Sa 10:00-14:00"])
    greeting: Annotated[str, Field(max_length=500), PARAGRAPHS] | None = Field(
        None, description="about_greeting"
    )
    records_messages: YesOrNo | None = Field(None, description="about_records_messages")
    asks: YesOrNo | None = Field(None, description="about_asks")
    question: Annotated[str, Field(max_length=300), PARAGRAPHS] | None = Field(
        None, description="about_question"
    )
    sends_screen: YesOrNo | None = Field(None, description="about_sends_screen")
    dates: OwnDates | None = Field(None, description="about_dates")


class DateRecord(Record):
    """A day of a line, or a row of days, with hours of its own."""

    line: Phone
    date: CalendarDay
    until: CalendarDay | None = None
    hours: OwnHours
    why: Annotated[str, Field(max_length=LONGEST_WHY), ONE_LINE] = ""

    @property
    def own(self) -> OwnDate:
        """Raises NotHours for a row of days that goes backward, or on for too long."""
        return OwnDate.of(self.date, self.until, self.hours, self.why)


class CustomerRecord(Record):
    customer: Key
    name: Name
    phones: Phones = Field((), description="about_phone")
    language: AnyLanguage = Field("", description="about_any_language")
    postcode: Annotated[str, Field(max_length=16), ONE_LINE] = ""
    tags: Tags = ()


class CaseRecord(Record):
    case: Key
    customer: Key
    subject: Annotated[str, Field(max_length=300), ONE_LINE]
    team: Team
    status: Annotated[str, one_of(CaseStatus), words(CaseStatus)] = Field(
        str(CaseStatus.OPEN), description="about_status"
    )
    priority: Annotated[str, Field(max_length=20), ONE_LINE] = Field("normal", description="about_priority")
    opened_at: Moment = Field(description="about_moment")
    url: Url = Field("", description="about_url")
    owner: AgentKey | None = Field(None, description="about_owner")


class ContactRecord(Record):
    contact: Key
    case: Key
    agent: AgentKey
    channel: Annotated[str, one_of(Channel), words(Channel)]
    direction: Annotated[str, one_of(Direction), words(Direction)]
    started_at: Moment = Field(description="about_moment")
    seconds: Seconds = 0
    outcome: Annotated[str, Field(max_length=120), ONE_LINE] = ""
    summary: Annotated[str, Field(max_length=10_000), PARAGRAPHS] = Field("", description="about_summary")


class TopicRecord(Record):
    topic: Key
    name: Name
    team: Team
    words: Words = Field((), description="about_words")
    language: OurLanguage = Field("", description="about_our_language")


class ExampleRecord(Record):
    """What somebody said, and the topic that it was about; `-`: about none."""

    text: Annotated[str, Field(max_length=LONGEST_EXAMPLE), ONE_LINE]
    topic: Key

    @property
    def about(self) -> str | None:
        return None if self.topic == ABOUT_NONE else self.topic


@dataclass(frozen=True)
class Kind(Generic[R]):
    """One kind of record: its name in the plural, what it is read into, and the type of its key."""

    name: str
    record: type[R]
    key_type: Any
    beside: tuple[str, ...] = ()  # what tells records with one key apart
    is_exported: bool = False  # comes back from an office in the form in which we gave it

    @cached_property
    def key(self) -> str:
        return self.columns[0]

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The columns of the CSV, in the order of its description."""
        return tuple(name for name in self.record.model_fields if name not in self.record.only_api)

    def from_cells(self, cells: list[str], defaults: Defaults) -> R:
        """Read a row whose cells stand in the order of `columns`. Raises Refused with all that is wrong."""
        said = {name: text for name, cell in zip(self.columns, cells, strict=True) if (text := cell.strip())}
        return self._record(said, defaults)

    def from_json(self, key: str, body: Mapping[str, Any], defaults: Defaults) -> R:
        """Read what a PUT brought; `key` is the address's and wins. Raises Refused with all that is wrong."""
        named = self.record.given(body).get(self.key, key)
        is_text = isinstance(named, str)
        said = self.record.given({**body, self.key: key if is_text else named})
        record = self._record(said, defaults)
        if named not in (key, getattr(record, self.key)):
            raise Refused([Problem(self.key, "other_than_address", {"key": key})])
        return record

    def read_key(self, text: str, defaults: Defaults) -> str | None:
        """Return a key as it is stored, None when it can't be one."""
        try:
            return str(self._key_reader.validate_python(text.strip(), context=defaults))
        except ValidationError:
            return None

    @cached_property
    def _key_reader(self) -> TypeAdapter[str]:
        return TypeAdapter(self.key_type)

    def _record(self, said: dict[str, Any], defaults: Defaults) -> R:
        if "language" in self.columns:
            said.setdefault("language", defaults.language)
        if self.record is LineRecord:
            defaults = _of_the_line(said, defaults)
        return self.record.read(said, defaults)


def _of_the_line(said: dict[str, Any], defaults: Defaults) -> Defaults:
    """A line's number in a national form is its own country's."""
    named = str(said.setdefault("country", defaults.country)).upper()
    return replace(defaults, country=named) if named in phonenumbers.SUPPORTED_REGIONS else defaults


AGENTS = Kind("agents", AgentRecord, AgentKey, is_exported=True)
LINES = Kind("lines", LineRecord, Phone, is_exported=True)
DATES = Kind("dates", DateRecord, Phone, beside=("date",), is_exported=True)
CUSTOMERS = Kind("customers", CustomerRecord, Key)
CASES = Kind("cases", CaseRecord, Key)
CONTACTS = Kind("contacts", ContactRecord, Key)

TOPICS = Kind("topics", TopicRecord, Key)
EXAMPLES = Kind("examples", ExampleRecord, str)

KINDS: dict[str, Kind[Any]] = {kind.name: kind for kind in (AGENTS, CUSTOMERS, CASES, CONTACTS, LINES)}
# What comes as files: beside the records, what is a part of one.
IN_FILES: dict[str, Kind[Any]] = {**KINDS, **{kind.name: kind for kind in (DATES, TOPICS, EXAMPLES)}}
