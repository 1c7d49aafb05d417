"""What do other systems say of the screen beside a call, and what are they told of it?"""

from typing import Annotated

from pydantic import Field

from app.api.fields import ONE_LINE, Said, Team, YesOrNo, one_of
from app.outgoing.shapes import Answer, At, words
from app.records.screen import ItemKind, Way
from app.screen import choices
from app.screen.shown import ItemCard, PageCard
from app.screen.uploads import FileCard


class OfferWritten(Said):
    by: Annotated[str, one_of(Way), words(Way)] = Field(str(Way.SMS), description="about_screen_by")
    number: Annotated[str, Field(max_length=40)] = Field("", description="about_screen_number")


class DeviceWritten(Said):
    let_in: YesOrNo = Field(description="about_screen_let_in")


class ItemWritten(Said):
    choice: Annotated[str, Field(max_length=121)] = Field("", description="about_screen_choice")
    kind: Annotated[str, one_of(ItemKind), words(ItemKind)] = Field(
        str(ItemKind.QUESTION), description="about_screen_kind"
    )
    words: Annotated[str, Field(max_length=choices.LONGEST_WORDS)] = Field(
        "", description="about_screen_words"
    )
    value: Annotated[str, Field(max_length=choices.LONGEST_VALUE)] = Field(
        "", description="about_screen_value"
    )


class ChoiceWritten(Said):
    kind: Annotated[str, one_of(ItemKind), words(ItemKind)] = Field(description="about_screen_kind")
    name: Annotated[str, Field(max_length=choices.LONGEST_NAME), ONE_LINE] = Field(
        description="about_choice_name"
    )
    words_nl: Annotated[str, Field(max_length=choices.LONGEST_WORDS), ONE_LINE] = Field(
        description="about_screen_words"
    )
    words_en: Annotated[str, Field(max_length=choices.LONGEST_WORDS)] = Field(
        "", description="about_choice_words_en"
    )
    value: Annotated[str, Field(max_length=choices.LONGEST_VALUE)] = Field(
        "", description="about_screen_value"
    )
    team: Team = Field("", description="about_choice_team")
    place: Annotated[int, Field(ge=0, le=9999, strict=True)] = Field(0, description="about_choice_place")


class ScreenChoice(Answer):
    choice: str = Field(validation_alias="key")
    team: str
    kind: Annotated[str, words(ItemKind)]
    name: str
    words_nl: str
    words_en: str
    value: str
    place: int


class ScreenChoices(Answer):
    items: list[ScreenChoice]


class ScreenFile(Answer):
    upload: str
    name: str
    type: str
    bytes: int
    at: At

    @classmethod
    def told(cls, file: FileCard) -> "ScreenFile":
        return cls(upload=file.id, name=file.name, type=file.content_type, bytes=file.size, at=file.at)


class ScreenItem(Answer):
    item: int
    kind: Annotated[str, words(ItemKind)]
    words: str
    value: str
    state: Annotated[str, words(("put", "seen", "answered"))] = Field(description="about_screen_item_state")
    put_at: At
    seen_at: At | None
    answered_at: At | None
    answer: str = Field(description="about_screen_answer")
    files: list[ScreenFile]

    @classmethod
    def told(cls, card: ItemCard) -> "ScreenItem":
        return cls(
            item=card.id,
            kind=str(card.kind),
            words=card.words,
            value=card.value,
            state=card.state,
            put_at=card.put_at,
            seen_at=card.seen_at,
            answered_at=card.answered_at,
            answer=card.answer,
            files=[ScreenFile.told(file) for file in card.files],
        )


class Screen(Answer):
    call_sid: str
    state: Annotated[str, words(("none", "offered", "open", "stopped", "over"))] = Field(
        description="about_screen_state"
    )
    checked: bool = Field(description="about_screen_checked")
    agent: str = Field(description="about_screen_agent")
    line: str
    subject: str
    agreed: list[str]
    next_step: str
    by: Annotated[str, words(Way)] | None
    offered_at: At | None
    sent: str = Field(description="about_screen_sent")
    code: str | None = Field(description="about_screen_code")
    code_ends_at: At | None
    opened_at: At | None
    other_device: bool = Field(description="about_screen_other_device")
    ends_at: At | None = Field(description="about_screen_ends_at")
    version: int
    items: list[ScreenItem]

    @classmethod
    def told(cls, card: PageCard) -> "Screen":
        return cls(
            call_sid=card.call_sid,
            state=card.state,
            checked=card.checked,
            agent=card.story.agent,
            line=card.story.line,
            subject=card.story.subject,
            agreed=list(card.story.agreed),
            next_step=card.story.next_step,
            by=str(card.way) if card.way else None,
            offered_at=card.offered_at,
            sent=card.sent,
            code=card.code,
            code_ends_at=card.code_ends_at,
            opened_at=card.opened_at,
            other_device=card.waits,
            ends_at=card.story.ends_at,
            version=card.version,
            items=[ScreenItem.told(item) for item in card.items],
        )
