"""Do other systems hear what a call hears?"""

from tests.api.conftest import Api, errors_of


def test_other_systems_read_a_spoken_number_as_a_call_does(api: Api) -> None:
    said = {"text": "mijn nummer is 06 12345678, het zaaknummer is vier acht twee een drie"}

    assert api.post("/spoken/number", said).json == {"digits": "48213", "kind": "case"}
    assert api.post("/spoken/number", said | {"kind": "phone"}).json == {
        "digits": "0612345678",
        "kind": "phone",
    }
    assert api.post("/spoken/number", {"text": "geen idee"}).json == {"digits": "", "kind": "other"}
    assert errors_of(api.post("/spoken/number", {"kind": "phone"})).keys() == {"text"}
    assert errors_of(api.post("/spoken/number", said | {"kind": "colour"})).keys() == {"kind"}
