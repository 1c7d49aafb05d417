"""Is a bell heard that nobody waits to see arrive?"""

import redis

from app.bells import Bells
from app.bus import DESKS
from tests.jobs.holding import until


def test_bells_are_heard_and_go_on_when_redis_has_hung_up(redis_url: str) -> None:
    bells = Bells(redis_url)
    with redis.Redis.from_url(redis_url, decode_responses=True) as client, client.pubsub() as heard:
        heard.subscribe(DESKS)
        assert heard.get_message(timeout=10)

        assert bells.publish([(DESKS, "anna 1"), (DESKS, "bram 1")])

        said = [heard.get_message(timeout=10), heard.get_message(timeout=10)]
        assert [one and one["data"] for one in said] == ["anna 1", "bram 1"]

        client.client_kill_filter(_type="normal")

        until(lambda: bells.publish([(DESKS, "anna 2")]) and heard.get_message(timeout=1) is not None)


def test_without_redis_a_bell_is_known_to_be_lost() -> None:
    assert not Bells("redis://127.0.0.1:1/0").publish([(DESKS, "anna 1")])
