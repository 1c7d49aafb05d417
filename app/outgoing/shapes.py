"""What does a row look like to other systems? The same in an answer of the API as in what they are told."""

from datetime import datetime
from functools import cache
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, WithJsonSchema

from app.outgoing.words import words
from app.records.callers import CaseStatus, Channel, Direction
from app.records.calls import CallState, Outcome
from app.records.promises import PromiseState

Json = dict[str, Any]


At = Annotated[
    datetime,
    PlainSerializer(datetime.isoformat, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]


class Answer(BaseModel):
    """What a row tells; its fields are the row's attributes, or those that their aliases name."""

    model_config = ConfigDict(from_attributes=True, extra="forbid")

    @classmethod
    def read(cls, row: object, /, **more: Any) -> Self:
        """Return what a row tells, and `more` that it doesn't know by itself."""
        if not more:
            return cls.model_validate(row)
        return cls.model_validate({n: more[n] if n in more else getattr(row, n) for n in cls._attributes()})

    @classmethod
    def of(cls, row: object, /, **more: Any) -> Json:
        return cls.read(row, **more).model_dump(mode="json", by_alias=True)

    @classmethod
    @cache
    def _attributes(cls) -> tuple[str, ...]:
        return tuple(str(field.validation_alias or name) for name, field in cls.model_fields.items())


class LastContact(Answer):
    agent: str = Field(validation_alias="last_contact_agent")
    at: At = Field(validation_alias="last_contact_at")


class Case(Answer):
    case: str = Field(validation_alias="key")
    customer: str
    subject: str
    team: str
    status: Annotated[str, words(CaseStatus)]
    priority: str
    opened_at: At
    url: str
    owner: str | None
    named_owner: str | None
    avoided_agent: str | None
    last_contact: LastContact | None

    @classmethod
    def of(cls, row: Any, /, **more: Any) -> Json:
        last = LastContact.read(row) if row.last_contact_agent else None
        return super().of(row, last_contact=last, **more)


class Contact(Answer):
    contact: str = Field(validation_alias="key")
    case: str
    agent: str
    channel: Annotated[str, words(Channel)]
    direction: Annotated[str, words(Direction)]
    started_at: At
    seconds: int
    outcome: str
    summary: str


class CallInList(Answer):
    call_sid: str = Field(validation_alias="sid")
    direction: Annotated[str, words(Direction)] = Field(description="about_call_direction")
    from_: str | None = Field(
        validation_alias="remote_e164", serialization_alias="from", description="about_from"
    )
    line: str
    customer: str | None
    case: str | None
    state: Annotated[str, words(CallState)]
    outcome: Annotated[str, words(Outcome)] | None
    bridged_to: str | None = Field(description="about_bridged_to")
    promise: int | None = Field(description="about_promise")
    started_at: At = Field(validation_alias="created_at")
    ended_at: At | None


class Promise(Answer):
    id: int
    state: Annotated[str, words(PromiseState)]
    number: str | None = Field(description="about_number_read")
    line: str | None
    customer: str | None
    case: str | None
    agent: str | None = Field(description="about_debtor_read")
    team: str
    language: str
    due_at: At = Field(description="about_due_at")
    about: str
    recordings: int = Field(description="about_recordings")
    created_at: At
    finished_at: At | None
    not_before: At | None = Field(description="about_not_before")
    next_at: At | None = Field(description="about_next_at")
    broken_at: At | None = Field(description="about_broken_at")
    tries: int = Field(description="about_tries")


case, contact, call_in_list, promise = Case.of, Contact.of, CallInList.of, Promise.of
