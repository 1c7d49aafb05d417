"""What does this answer of the application say: which verbs, in which order?"""

from dataclasses import dataclass
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from phonebox import debugger
from phonebox.webhooks import Reply


class TwimlError(Exception):
    """A document that can't be read or executed; `code` is Twilio's."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True)
class Document:
    """The verbs of a `<Response>` in order; `url` is None for TwiML given inline."""

    verbs: tuple[Element, ...]
    url: str | None
    xml: str


XML_TYPES = frozenset({"text/xml", "application/xml", "text/html"})


def read(reply: Reply) -> Document:
    """Read what the application answered, by its content type.

    https://www.twilio.com/docs/voice/twiml#twilios-request-to-your-application: plain text is read aloud
    unless it is TwiML, audio is played. Raises TwimlError for what Twilio can't execute.
    """
    if reply.content_type in XML_TYPES:
        return parse(reply.body, reply.url)
    if reply.content_type == "text/plain":
        if reply.body.lstrip().startswith("<"):
            return parse(reply.body, reply.url)
        return Document((_element("Say", reply.body),), reply.url, reply.body)
    if reply.content_type.startswith("audio/"):
        return Document((_element("Play", reply.url),), reply.url, "")
    raise TwimlError(
        debugger.INVALID_CONTENT_TYPE,
        f"{reply.content_type or 'no content type'} is no TwiML: answer text/xml",
    )


def parse(xml: str, url: str | None) -> Document:
    """Read a TwiML document. Raises TwimlError 12100 when it is no well-formed `<Response>`."""
    if "<!DOCTYPE" in xml:
        raise TwimlError(debugger.DOCUMENT_PARSE_FAILURE, "the document has a DOCTYPE: leave it out")
    try:
        # Bytes, because a text with an encoding in its XML declaration is refused by the parser.
        root = ElementTree.fromstring(xml.strip().encode())
    except ElementTree.ParseError as error:
        raise TwimlError(debugger.DOCUMENT_PARSE_FAILURE, f"the document is no XML: {error}") from error
    if root.tag != "Response":
        raise TwimlError(debugger.DOCUMENT_PARSE_FAILURE, f"the document begins with <{root.tag}>")
    return Document(tuple(root), url, xml)


def _element(tag: str, text: str) -> Element:
    element = Element(tag)
    element.text = text
    return element


def text_of(element: Element) -> str:
    """Return all text in an element (SSML tags in a `<Say>` left out), with single spaces."""
    return " ".join("".join(element.itertext()).split())


def is_true(element: Element, name: str, default: bool = False) -> bool:
    """Read an attribute that is `true` or `false`."""
    return element.get(name, str(default)).strip().lower() == "true"


def number(element: Element, name: str, default: int, low: int, high: int) -> int:
    """Read a whole number, kept within its range; anything else is the default."""
    text = element.get(name, "").strip()
    return min(max(int(text), low), high) if text.isdecimal() else default
