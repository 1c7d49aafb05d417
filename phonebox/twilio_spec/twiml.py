"""What would Twilio have against this TwiML document?"""

import json
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote
from xml.parsers import expat

Context = Literal["voice", "wait", "room", "whisper", "message"]

# Error 11750 says 64 kB; the smaller reading of "kB" is the one that always passes.
# https://www.twilio.com/docs/api/errors/11750
MAX_BYTES = 64_000
MAX_NOUNS = 10  # https://www.twilio.com/docs/voice/twiml/client
MIN_DIAL_TIMEOUT, MAX_DIAL_TIMEOUT = 5, 600  # https://www.twilio.com/docs/voice/twiml/dial
# The mobile SDKs take no other characters; Twilio's length is 256, and 121 is this product's own bound,
# so that an agent's identity fits every place that it travels through.
IDENTITY = re.compile(r"[A-Za-z0-9_]+", re.ASCII)
MAX_IDENTITY, MAX_IDENTITY_OF_TWILIO = 121, 256
MAX_QUEUE_NAME = 64  # https://www.twilio.com/docs/voice/twiml/enqueue
MAX_PARTICIPANT_LABEL = 128  # https://www.twilio.com/docs/voice/twiml/conference, error 16025
# https://www.twilio.com/docs/api/errors/13330: entries between commas, and characters of each
MAX_HINTS, MAX_HINT = 500, 100
MAX_PARTICIPANTS = 250  # https://www.twilio.com/docs/voice/twiml/conference
# https://www.twilio.com/docs/api/errors/13521: characters by who speaks, and the whole URL-encoded.
MAX_SAID = {"Google": 5000, "Polly": 3000, "Basic": 4096}
MAX_SAID_ENCODED = 4500
# https://www.twilio.com/docs/voice/twiml/enqueue, waitUrl
WAIT_VERBS = frozenset({"Play", "Say", "Pause", "Hangup", "Redirect", "Leave", "Gather"})
# https://www.twilio.com/docs/voice/twiml/conference, waitUrl; hold and announcements alike
ROOM_VERBS = frozenset({"Play", "Say", "Pause", "Redirect"})

_XML_NAMESPACE = "http://www.w3.org/XML/1998/namespace"
_METHODS = frozenset({"GET", "POST"})
_NOT_AN_INTEGER = "should be a whole number without sign"
_LISTED_AT_MOST = 12

# Which language a voice speaks is in a Google voice's name. Of Amazon's voices:
# https://docs.aws.amazon.com/polly/latest/dg/available-voices.html
_POLLY_SPEAKS = {
    "arb": "Zeina",
    "ar-AE": "Hala Zayd",
    "ca-ES": "Arlet",
    "cmn-CN": "Zhiyu",
    "cy-GB": "Gwyneth",
    "da-DK": "Mads Naja Sofie",
    "de-AT": "Hannah",
    "de-DE": "Daniel Hans Marlene Vicki",
    "en-AU": "Nicole Olivia Russell",
    "en-GB": "Amy Arthur Brian Emma",
    "en-GB-WLS": "Geraint",
    "en-IE": "Niamh",
    "en-IN": "Aditi Kajal Raveena",
    "en-NZ": "Aria",
    "en-US": "Danielle Gregory Ivy Joanna Joey Justin Kendra Kevin Kimberly Matthew Ruth Salli Stephen",
    "en-ZA": "Ayanda",
    "es-ES": "Conchita Enrique Lucia Sergio",
    "es-MX": "Andres Mia",
    "es-US": "Lupe Miguel Pedro Penelope",
    "fi-FI": "Suvi",
    "fr-BE": "Isabelle",
    "fr-CA": "Chantal Gabrielle Liam",
    "fr-FR": "Celine Lea Mathieu Remi",
    "hi-IN": "Aditi Kajal",
    "is-IS": "Dora Karl",
    "it-IT": "Adriano Bianca Carla Giorgio",
    "ja-JP": "Kazuha Mizuki Takumi Tomoko",
    "ko-KR": "Seoyeon",
    "nb-NO": "Ida Liv",
    "nl-BE": "Lisa",
    "nl-NL": "Laura Lotte Ruben",
    "pl-PL": "Ewa Jacek Jan Maja Ola",
    "pt-BR": "Camila Ricardo Thiago Vitoria",
    "pt-PT": "Cristiano Ines",
    "ro-RO": "Carmen",
    "ru-RU": "Maxim Tatyana",
    "sv-SE": "Astrid Elin",
    "tr-TR": "Burcu Filiz",
    "yue-HK": "Hiujin",
}
# https://www.twilio.com/docs/voice/twiml/say: man and woman know these five languages, alice these locales.
_MAN_AND_WOMAN_SPEAK = frozenset({"en", "es", "fr", "de", "it"})
_ALICE_LOCALES = (
    "ca-ES da-DK de-DE en-AU en-CA en-GB en-IN en-US es-ES es-MX fi-FI fr-CA fr-FR it-IT ja-JP ko-KR nb-NO"
    " nl-NL pl-PL pt-BR pt-PT ru-RU sv-SE zh-CN zh-HK zh-TW"
)
# Two spellings that the language list holds side by side.
_SAME_LANGUAGE = {"zh-CN": "cmn-CN", "zh-TW": "cmn-TW", "zh-HK": "yue-HK"}
_ALICE_SPEAKS = frozenset(_SAME_LANGUAGE.get(locale, locale) for locale in _ALICE_LOCALES.split())


@dataclass
class _Node:
    """An element as it stands in the document; `text` is its own text without its children's."""

    tag: str
    attributes: dict[str, str]
    line: int
    text: str = ""
    children: list["_Node"] = field(default_factory=list)

    def __str__(self) -> str:
        return f"<{self.tag}> (line {self.line})"

    def everything_said(self) -> str:
        return self.text + "".join(child.everything_said() for child in self.children)


class _Unreadable(Exception):
    """The document can't be read as XML that Twilio would take; the message says why."""


def problems_in_twiml(xml: str, context: Context = "voice") -> list[str]:
    """Return what is wrong with a TwiML document, one sentence each; an empty list when nothing is.

    `context` says who asked for it: "voice" for a call's own document, "wait" for a queue's waitUrl,
    "room" for what somebody waiting or on hold in a conference hears,
    "whisper" for the url of a noun in Dial, "message" for the reply to an incoming message.
    Sentences name the element and its line; they never quote what is said, dialled or named.
    """
    size = len(xml.encode("utf-8", "replace"))
    if size > MAX_BYTES:
        return [f"the document has {size} bytes; Twilio takes {MAX_BYTES} (error 11750)"]
    try:
        root = _read(xml)
    except _Unreadable as error:
        return [str(error)]
    family = "messaging" if context == "message" else "voice"
    problems = list(_structure(root, family))
    if family == "voice" and root.tag == "Response":
        problems += _rules(root, context)
    return problems


def structural_problems_in_twiml(xml: str, family: Literal["voice", "messaging"] = "voice") -> list[str]:
    """Return only what Twilio's own type definitions say: elements, nesting, attributes, types, text."""
    try:
        return list(_structure(_read(xml), family))
    except _Unreadable as error:
        return [str(error)]


def _read(xml: str) -> _Node:
    """Return the root element. Raises _Unreadable.

    The standard library's own parser with document types refused: without one no entity but XML's own
    five can exist, so there is nothing to expand and nothing to fetch.
    """
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    open_nodes: list[_Node] = []
    roots: list[_Node] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        node = _Node(_local(name), {_local(k): v for k, v in attributes.items()}, parser.CurrentLineNumber)
        (open_nodes[-1].children if open_nodes else roots).append(node)
        open_nodes.append(node)

    def text(data: str) -> None:
        open_nodes[-1].text += data

    def refuse_document_type(*_: object) -> None:
        raise _Unreadable("the document declares a document type; Twilio needs none, and entities are unsafe")

    parser.StartElementHandler = start
    parser.EndElementHandler = lambda _: open_nodes.pop()
    parser.CharacterDataHandler = text
    parser.StartDoctypeDeclHandler = refuse_document_type
    try:
        parser.Parse(xml, True)
    except expat.ExpatError as error:
        reason = expat.ErrorString(error.code)
        raise _Unreadable(f"not well-formed XML at line {error.lineno}: {reason} (error 12100)") from error
    except UnicodeEncodeError as error:
        raise _Unreadable(f"character {error.start} is half a surrogate pair, illegal in XML") from error
    return roots[0]


def _local(name: str) -> str:
    """`xml:lang` keeps its prefix; any other namespace stays visible, so that no table knows it."""
    namespace, _, local = name.rpartition(" ")
    if namespace == _XML_NAMESPACE:
        return f"xml:{local}"
    return f"{{{namespace}}}{local}" if namespace else local


# What the type definitions say


def _structure(root: _Node, family: str) -> Iterator[str]:
    if root.tag != "Response":
        yield f"the document's root is <{root.tag}>; TwiML's is <Response>"
        return
    table = _TABLES[family]
    yield from _structure_of(root, table, table["root"])


def _structure_of(node: _Node, table: Mapping[str, Any], name: str) -> Iterator[str]:
    element = table["elements"][name]
    yield from _text_problems(node, element)
    for attribute, value in node.attributes.items():
        kind = element["attributes"].get(attribute)
        if kind is None:
            yield f"{node} has no attribute {attribute}{_hint(attribute, element['attributes'])}"
        elif complaint := _complaint(value, kind, table["values"]):
            yield f"{node} {attribute} {complaint}"
        elif kind == "string" and _is_method(attribute) and value not in _METHODS:
            # The type only says string; every page says GET or POST.
            yield f"{node} {attribute} should be GET or POST"
    for child in node.children:
        if child.tag in element["holds"]:
            yield from _structure_of(child, table, element["holds"][child.tag])
        else:
            yield f"{node} can't hold {child}{_hint(child.tag, element['holds'])}"


def _is_method(attribute: str) -> bool:
    return attribute == "method" or attribute.endswith("Method")


def _text_problems(node: _Node, element: Mapping[str, Any]) -> Iterator[str]:
    says_something = bool(node.text.strip())
    if element["text"] == "none" and says_something:
        yield f"{node} holds no text"
    if element["text"] == "must" and not says_something and not node.children:
        yield f"{node} is empty; it needs a text"


def _complaint(value: str, kind: str, values: Mapping[str, frozenset[str]]) -> str:
    """Say what is wrong with an attribute's value, or nothing."""
    if kind.endswith("[]"):
        parts = value.split()
        if not parts:
            return "names nothing; leave it out instead"
        return next(filter(None, (_complaint(part, kind[:-2], values) for part in parts)), "")
    if kind == "string":
        return ""
    if kind == "boolean":
        return "" if value in ("true", "false") else "should be true or false"
    if kind == "number":
        return "" if _is_whole(value) else _NOT_AN_INTEGER
    if value in values[kind]:
        return ""
    shown = value if len(value) <= 40 else value[:40] + "…"
    known = values[kind]
    choice = (
        ", ".join(sorted(known))
        if len(known) <= _LISTED_AT_MOST
        else f"Twilio's {len(known)} values of {kind}"
    )
    return f"is {shown!r}, not one of {choice}"


def _is_whole(value: str) -> bool:
    return value.isascii() and value.isdigit()


def _hint(name: str, known: Mapping[str, Any]) -> str:
    """Point at the same name in other capitals, the usual slip."""
    alike = [other for other in known if other.lower() == name.lower()]
    return f"; did you mean {alike[0]}?" if alike else ""


# What the types can't say


def _rules(root: _Node, context: Context) -> Iterator[str]:
    yield from _verbs_for(root, context)
    yield from _order(root)
    for node in _walk(root):
        if rule := _RULES.get(node.tag):
            yield from rule(node)


def _walk(node: _Node) -> Iterator[_Node]:
    for child in node.children:
        yield child
        yield from _walk(child)


def _verbs_for(root: _Node, context: Context) -> Iterator[str]:
    for verb in root.children:
        if context == "wait" and verb.tag not in WAIT_VERBS:
            yield f"{verb} isn't allowed while waiting in a queue; only {', '.join(sorted(WAIT_VERBS))} are"
        if context == "room" and verb.tag not in ROOM_VERBS:
            yield f"{verb} isn't allowed in a conference's document; only {', '.join(sorted(ROOM_VERBS))} are"
        # https://www.twilio.com/docs/voice/twiml/number, url
        if context == "whisper" and verb.tag == "Dial":
            yield f"{verb} isn't allowed in a document that the called party hears before the bridge"


def _order(root: _Node) -> Iterator[str]:
    ended_by: _Node | None = None
    for place, verb in enumerate(root.children):
        if ended_by:
            yield f"{verb} is never reached: {ended_by} takes the call elsewhere"
            return
        if verb.tag == "Reject" and place:
            # Any verb before it answers the call: https://www.twilio.com/docs/voice/twiml/reject
            yield f"{verb} only refuses a call as the first verb"
        if verb.tag == "Dial" and place and verb.attributes.get("answerOnBridge") == "true":
            # https://www.twilio.com/docs/voice/twiml/dial, answerOnBridge
            yield f"{verb} answerOnBridge only works when it is the first verb"
        if _ends_the_document(verb):
            ended_by = verb


def _ends_the_document(verb: _Node) -> bool:
    """True when nothing after `verb` can run.

    A Record is no such verb: an empty recording makes no request and goes on with the next verb
    (https://www.twilio.com/docs/voice/twiml/record, action).
    """
    attributes = verb.attributes
    match verb.tag:
        case "Hangup" | "Redirect" | "Reject" | "Leave":
            return True
        case "Dial" | "Enqueue":
            return bool(attributes.get("action"))
        case "Gather":
            return bool(attributes.get("action")) and attributes.get("actionOnEmptyResult") == "true"
        case _:
            return False


def _dial(node: _Node) -> Iterator[str]:
    yield from _number_between(node, "timeout", MIN_DIAL_TIMEOUT, MAX_DIAL_TIMEOUT)
    if len(node.children) > MAX_NOUNS:
        yield f"{node} rings {len(node.children)} at once; Twilio rings at most {MAX_NOUNS}"
    if not node.children and not node.text.strip():
        yield f"{node} names nobody to ring"
    if node.children and node.text.strip():
        yield f"{node} has a number as text beside its nouns; put it into <Number>"
    # Only parties that ring can be several; who enters a room or takes from a queue does so alone.
    alone = [child for child in node.children if child.tag in ("Conference", "Queue")]
    if alone and len(node.children) > 1:
        yield f"{alone[0]} should be alone in {node}"


def _client(node: _Node) -> Iterator[str]:
    identities = [child for child in node.children if child.tag == "Identity"]
    if not identities and not node.text.strip():
        yield f"{node} names no identity"
    for holder in identities or [node]:
        identity = holder.text.strip()
        if len(identity) > MAX_IDENTITY_OF_TWILIO:
            yield f"{holder} identity has {len(identity)} characters; Twilio takes {MAX_IDENTITY_OF_TWILIO}"
        elif len(identity) > MAX_IDENTITY:
            yield f"{holder} identity has {len(identity)} characters; ours have at most {MAX_IDENTITY}"
        if identity and not IDENTITY.fullmatch(identity):
            yield f"{holder} identity may hold only A-Z, a-z, 0-9 and _"


def _conference(node: _Node) -> Iterator[str]:
    yield from _at_most(
        node, node.attributes.get("participantLabel", ""), "participantLabel", MAX_PARTICIPANT_LABEL
    )
    yield from _number_between(node, "maxParticipants", 1, MAX_PARTICIPANTS)


def _queue(node: _Node) -> Iterator[str]:
    yield from _at_most(node, node.text.strip(), "name", MAX_QUEUE_NAME)


def _enqueue(node: _Node) -> Iterator[str]:
    yield from _queue(node)
    if not node.text.strip() and "workflowSid" not in node.attributes:
        yield f"{node} names no queue"


def _sip(node: _Node) -> Iterator[str]:
    if not node.text.strip() and not any(child.tag == "Uri" for child in node.children):
        yield f"{node} names no address"


def _pause(node: _Node) -> Iterator[str]:
    yield from _number_between(node, "length", 1, None)  # https://www.twilio.com/docs/voice/twiml/pause


def _gather(node: _Node) -> Iterator[str]:
    yield from _no_loop(node)
    yield from _number_between(node, "numDigits", 1, None)
    model = node.attributes.get("speechModel", "default")
    # https://www.twilio.com/docs/voice/twiml/gather, speechModel: a combination that isn't there fails
    if model == "phone_call" and node.attributes.get("language", "").startswith("nl"):
        yield f"{node} speechModel phone_call knows no Dutch; experimental_conversations does"
    # https://www.twilio.com/docs/api/errors/13328
    if model != "default" and node.attributes.get("speechTimeout") == "auto":
        yield f"{node} speechTimeout should be a number beside a speechModel"
    hints = node.attributes.get("hints", "").split(",")
    if len(hints) > MAX_HINTS:
        yield f"{node} has {len(hints)} hints; {MAX_HINTS} are taken"
    for hint in hints:
        yield from _at_most(node, hint.strip(), "hint", MAX_HINT)


def _record(node: _Node) -> Iterator[str]:
    yield from _no_loop(node)
    yield from _number_between(node, "maxLength", 2, None)  # "integer greater than 1"
    yield from _number_between(node, "timeout", 1, None)


def _no_loop(node: _Node) -> Iterator[str]:
    # https://www.twilio.com/docs/voice/twiml/record and …/gather, action: the default is this document again
    if not node.attributes.get("action"):
        yield f"{node} has no action, so it asks for this same document again: a loop"


def _say(node: _Node) -> Iterator[str]:
    voice = node.attributes.get("voice", "")
    language = node.attributes.get("language", "")
    said = node.everything_said()
    yield from _at_most(node, said, "text", _said_at_most(voice))
    if len(encoded := quote(said)) > MAX_SAID_ENCODED:
        yield f"{node} text is {len(encoded)} characters URL-encoded; Twilio speaks {MAX_SAID_ENCODED}"
    if voice and language and not _speaks(voice, language):
        yield f"{node} voice {voice!r} doesn't speak {language!r}"


def _said_at_most(voice: str) -> int:
    provider = voice.partition(".")[0] if "." in voice else "Basic"
    # Without a voice the account's console decides who speaks: the least of all holds.
    return MAX_SAID.get(provider, MAX_SAID["Basic"]) if voice else min(MAX_SAID.values())


def _speaks(voice: str, language: str) -> bool:
    """True unless it is known that the voice speaks other languages only."""
    language = _SAME_LANGUAGE.get(language, language)
    if voice in ("man", "woman"):
        return language.partition("-")[0] in _MAN_AND_WOMAN_SPEAK
    if voice == "alice":
        return language in _ALICE_SPEAKS
    provider, _, name = voice.partition(".")
    if provider == "Google":
        return name.lower().startswith(language.lower() + "-")  # the list has fil-ph beside fil-PH
    known_languages = _POLLY_LANGUAGES.get(_plain(name))
    return known_languages is None or language in known_languages


def _plain(name: str) -> str:
    """A voice's first name without accent: `Mía-Generative` and `Mia-Neural` are one person."""
    first = name.partition("-")[0]
    return "".join(c for c in unicodedata.normalize("NFD", first) if not unicodedata.combining(c))


def _at_most(node: _Node, text: str, what: str, limit: int) -> Iterator[str]:
    if len(text) > limit:
        yield f"{node} {what} has {len(text)} characters; at most {limit} are taken"


def _number_between(node: _Node, attribute: str, least: int, most: int | None) -> Iterator[str]:
    value = node.attributes.get(attribute, "")
    if not _is_whole(value):
        return  # absent, or told already by its type
    if int(value) < least or (most is not None and int(value) > most):
        bounds = f"at least {least}" if most is None else f"from {least} to {most}"
        yield f"{node} {attribute} is {int(value)}; it should be {bounds}"


_RULES: Mapping[str, Callable[[_Node], Iterator[str]]] = {
    "Client": _client,
    "Conference": _conference,
    "Dial": _dial,
    "Enqueue": _enqueue,
    "Gather": _gather,
    "Pause": _pause,
    "Queue": _queue,
    "Record": _record,
    "Say": _say,
    "Sip": _sip,
}


def _load() -> dict[str, dict[str, Any]]:
    read = json.loads((Path(__file__).parent / "twiml.json").read_text(encoding="utf-8"))
    for family in ("voice", "messaging"):
        read[family]["values"] = {name: frozenset(listed) for name, listed in read[family]["values"].items()}
    return {"voice": read["voice"], "messaging": read["messaging"]}


def _languages_by_name() -> dict[str, frozenset[str]]:
    names = {name for listed in _POLLY_SPEAKS.values() for name in listed.split()}
    return {
        name: frozenset(language for language, listed in _POLLY_SPEAKS.items() if name in listed.split())
        for name in names
    }


_TABLES = _load()
_POLLY_LANGUAGES = _languages_by_name()
