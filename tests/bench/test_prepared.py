"""Is what was prepared the same as what it stands for?"""

from hypothesis import given
from hypothesis import strategies as st

from app.agents.presence import Endpoint
from app.carrier import twiml

KEYS = st.text(st.characters(exclude_categories=("Cs",)), max_size=40)


@given(case=KEYS, customer=KEYS, seconds=st.integers(10, 60), caller_id=st.none() | st.just("+31201234500"))
def test_a_prepared_ring_is_what_the_library_writes(
    case: str, customer: str, seconds: int, caller_id: str | None
) -> None:
    call = {
        "said": (),
        "language": "nl",
        "endpoint": Endpoint("client", "anna"),
        "seconds": seconds,
        "caller_id": caller_id,
        "parameters": {"call_sid": "CA1", "case": case, "customer": customer},
        "addresses": twiml.Addresses("https://bellen.example.nl", "CA1", 1),
    }

    assert twiml.ring(**call) == twiml.ring_by_library(**call)
