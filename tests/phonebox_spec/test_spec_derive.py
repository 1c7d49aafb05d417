"""Does derive.py read in the published files what stands there, and refuse what it can't read?"""

import json
from pathlib import Path

import pytest

from phonebox.twilio_spec import derive

DECLARATIONS = """
import { XMLElement } from "xmlbuilder";
declare class TestResponse extends TwiML {
    /**
     * <Response> { not: "a rule"; } and // not a class Foo extends TwiML {
     */
    constructor();
    comment(comment: string): XMLElement;
    ring(number?: string): TestResponse.Ring;
    ring(attributes?: TestResponse.RingAttributes, number?: string): TestResponse.Ring;
    silence(attributes?: object): TestResponse.Silence;
    tell(message: string): TestResponse.Tell;
    tell(attributes: TestResponse.TellAttributes, message: string): TestResponse.Tell;
}
declare namespace TestResponse {
    type RingEvent = "initiated" | "ringing";
    type TellVoice = "Polly.Lotte" |
        "Polly.Ruben";
    type NeverUsed = "a" | "b";
    export interface RingAttributes {
        /** answerOnBridge - keep ringing; until answered */
        answerOnBridge?: boolean;
        events?: RingEvent[];
        timeout?: number;
    }
    interface TellAttributes { voice?: TellVoice; "xml:lang"?: string; }
    interface TellAttributes { voice?: TellVoice; }
    export class Ring extends TwiML {
        ring: XMLElement;
        constructor(ring: XMLElement);
        tell(message: string): TestResponse.Tell;
        uri(sipUrl?: string): TestResponse.RingUri;
    }
    export class RingUri extends TwiML { ringUri: XMLElement; constructor(ringUri: XMLElement); }
    class Silence extends TwiML { silence: XMLElement; constructor(silence: XMLElement); }
    export class SsmlSayAs extends TwiML { ssmlSayAs: XMLElement; constructor(ssmlSayAs: XMLElement); }
    export class Tell extends TwiML {
        tell: XMLElement;
        constructor(tell: XMLElement);
        sayAs(attributes: object, words: string): TestResponse.SsmlSayAs;
    }
    export {};
}
export = TestResponse;
"""

OPENAPI = {
    "paths": {
        "/2010-04-01/Accounts/{AccountSid}/Calls.json": {
            "servers": [],
            "post": {
                "operationId": "CreateCall",
                "parameters": [
                    {
                        "name": "AccountSid",
                        "in": "path",
                        "required": True,
                        "schema": {
                            "type": "string",
                            "pattern": "^AC[0-9a-fA-F]{32}$",
                            "description": "whose",
                        },
                    }
                ],
                "requestBody": {
                    "content": {
                        "application/x-www-form-urlencoded": {
                            "schema": {
                                "properties": {
                                    "To": {"type": "string", "description": "who"},
                                    "Status": {"$ref": "#/components/schemas/call_enum_status"},
                                    "Event": {
                                        "type": "array",
                                        "items": {"type": "string", "description": "which"},
                                    },
                                },
                                "required": ["To"],
                            }
                        }
                    }
                },
            },
            "get": {
                "operationId": "ListCall",
                "parameters": [
                    {"name": "PageSize", "in": "query", "schema": {"type": "integer", "maximum": 1000}},
                    {"name": "Who", "in": "query", "required": True, "schema": {"type": "string"}},
                ],
            },
        },
        "/2010-04-01/Accounts/{AccountSid}/Usage/Records.json": {"get": {"operationId": "ListUsageRecord"}},
    },
    "components": {"schemas": {"call_enum_status": {"type": "string", "enum": ["queued", "ringing"]}}},
}


def test_elements_attributes_and_values_are_read_from_the_declarations() -> None:
    table = derive.elements_of(DECLARATIONS)

    assert table["root"] == "TestResponse"
    assert table["elements"]["TestResponse"] == {
        "attributes": {},
        "holds": {"Ring": "Ring", "Silence": "Silence", "Tell": "Tell"},
        "text": "none",
    }
    assert table["elements"]["Ring"] == {
        "attributes": {"answerOnBridge": "boolean", "events": "RingEvent[]", "timeout": "number"},
        "holds": {"Tell": "Tell", "Uri": "RingUri"},
        "text": "may",
    }
    assert table["elements"]["Tell"]["attributes"] == {"voice": "TellVoice", "xml:lang": "string"}
    assert table["elements"]["Tell"]["holds"] == {"say-as": "SsmlSayAs"}
    assert table["elements"]["Tell"]["text"] == "must"
    assert table["elements"]["Silence"] == {"attributes": {}, "holds": {}, "text": "none"}
    assert table["values"] == {
        "RingEvent": ["initiated", "ringing"],
        "TellVoice": ["Polly.Lotte", "Polly.Ruben"],
    }


@pytest.mark.parametrize(
    ("was", "became", "said"),
    [
        ("timeout?: number;", "timeout?: number | string;", "RingAttributes"),
        ("events?: RingEvent[];", "events?: Unheard[];", "Unheard"),
        ("sayAs(attributes: object, words: string): TestResponse.SsmlSayAs", "sayAs: Function", "sayAs"),
        ("uri(sipUrl?: string): TestResponse.RingUri", "uri(sipUrl?: string): TestResponse.Gone", "Gone"),
        ("class Silence extends TwiML", "class Silence extends Other", "class"),
        ("interface RingAttributes {", "interface RingAttributes extends Other {", "interface"),
        ("TestResponse.RingAttributes, number", "TestResponse.OtherAttributes, number", "OtherAttributes"),
        (
            "interface TellAttributes { voice?: TellVoice; }",
            "interface TellAttributes { voice?: string; }",
            "voice",
        ),
        ("declare class TestResponse extends TwiML {", "declare class Test extends TwiML {", "Test"),
    ],
)
def test_a_declaration_that_cannot_be_read_stops_the_derivation(was: str, became: str, said: str) -> None:
    assert was in DECLARATIONS

    with pytest.raises(derive.DerivationError, match=said):
        derive.elements_of(DECLARATIONS.replace(was, became))


def test_operations_keep_types_and_drop_prose_and_foreign_resources() -> None:
    assert derive.operations_of(OPENAPI) == [
        {
            "id": "ListCall",
            "method": "GET",
            "path": "/2010-04-01/Accounts/{AccountSid}/Calls.json",
            "in_path": {},
            "fields": {"PageSize": {"type": "integer", "maximum": 1000}, "Who": {"type": "string"}},
            "required": ["Who"],
        },
        {
            "id": "CreateCall",
            "method": "POST",
            "path": "/2010-04-01/Accounts/{AccountSid}/Calls.json",
            "in_path": {"AccountSid": {"type": "string", "pattern": "^AC[0-9a-fA-F]{32}$"}},
            "fields": {
                "To": {"type": "string"},
                "Status": {"type": "string", "enum": ["queued", "ringing"]},
                "Event": {"type": "array", "items": {"type": "string"}},
            },
            "required": ["To"],
        },
    ]


def test_a_reference_to_nothing_stops_the_derivation() -> None:
    with pytest.raises(derive.DerivationError, match="call_enum_status"):
        derive.operations_of({"paths": OPENAPI["paths"]})


def _published(folder: Path, library_version: str, tag: str) -> Path:
    """Lay a folder of packages as npm would, with the sample as both kinds of response."""
    for name, version in (
        ("twilio", library_version),
        ("@twilio/cli-core", derive.PINNED["@twilio/cli-core"]),
    ):
        package = folder / "node_modules" / name
        (package / "lib/twiml").mkdir(parents=True)
        (package / "src/services/twilio-api").mkdir(parents=True)
        (package / "package.json").write_text(json.dumps({"version": version}))
        (package / derive.VOICE).write_text(DECLARATIONS)
        (package / derive.MESSAGING).write_text(DECLARATIONS)
        (package / derive.OPENAPI).write_text(
            json.dumps({"info": {"license": {"name": "Apache 2.0"}}} | OPENAPI)
        )
        written = ("Ring", "Silence", "Tell", "Uri", tag)
        script = "\n".join(f'return this.response.ele("{name}", attributes)' for name in written)
        (package / derive.VOICE.replace(".d.ts", ".js")).write_text(script)
    return folder


def test_a_folder_of_the_pinned_packages_becomes_two_tables_with_their_source(tmp_path: Path) -> None:
    tables = derive.derive(_published(tmp_path, derive.PINNED["twilio"], "say-as"))

    assert tables["twiml.json"]["source"]["version"] == derive.PINNED["twilio"]
    assert "Ring" in tables["twiml.json"]["voice"]["elements"]
    assert [operation["id"] for operation in tables["rest.json"]["operations"]] == ["ListCall", "CreateCall"]
    assert "Apache 2.0" in tables["rest.json"]["source"]["licence"]


def test_another_version_than_the_pinned_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(derive.DerivationError, match=r"twilio is 0\.0\.1"):
        derive.derive(_published(tmp_path, "0.0.1", "say-as"))


def test_a_tag_that_the_library_writes_otherwise_is_noticed(tmp_path: Path) -> None:
    with pytest.raises(derive.DerivationError, match="SayAs"):
        derive.derive(_published(tmp_path, derive.PINNED["twilio"], "SayAs"))


def test_a_folder_without_the_packages_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(derive, "TABLES", tmp_path)

    assert derive.main([str(tmp_path)]) == 1
    assert "nothing written" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_running_it_writes_both_tables_as_json_that_reads_back_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = _published(tmp_path / "published", derive.PINNED["twilio"], "say-as")
    monkeypatch.setattr(derive, "TABLES", tmp_path)

    assert derive.main([str(published)]) == 0
    for name, table in derive.derive(published).items():
        assert json.loads((tmp_path / name).read_text()) == table


def test_without_a_folder_the_usage_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert derive.main([]) == 2
    assert "npm install --ignore-scripts" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["twiml.json", "rest.json"])
def test_the_committed_tables_are_of_the_pinned_versions(name: str) -> None:
    source = json.loads((derive.TABLES / name).read_text(encoding="utf-8"))["source"]

    assert source["version"] == derive.PINNED[source["package"]]


def test_the_usage_names_the_pinned_versions() -> None:
    for package, version in derive.PINNED.items():
        assert f"{package}@{version}" in (derive.__doc__ or "")
