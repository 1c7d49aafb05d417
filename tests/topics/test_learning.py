"""Is enough heard, and little wrongly, of sentences that nobody learnt from? And is it kept as it was learnt?

The held-out sentences were written apart and are never tuned on: `python -m bench.topics` shows all of it.
"""

from functools import cache

import pytest

from app.topics import background, packs
from app.topics.fitted import Fitted
from app.topics.spoiling import spoiled
from app.topics.store import Known
from bench import topics as bench
from bench.topics import HeldOut


@cache
def held_out() -> HeldOut:
    return bench.held_out()


@cache
def by_words() -> Fitted:
    return bench.by_words(held_out())


@cache
def by_pack() -> Fitted:
    return bench.by_pack()


def test_the_pack_knows_two_dozen_topics_and_how_people_speak_of_each() -> None:
    topics = packs.pack("nl-municipality")

    assert len(topics) >= 24
    assert {one.key: len(list(one.sentences())) for one in topics if len(list(one.sentences())) < 50} == {}
    assert all(len(one.words) >= 15 for one in topics)
    said = [text for one in topics for text in one.sentences()]
    assert len(set(said)) >= 0.99 * len(said)


def test_the_held_out_sentences_are_in_no_pack() -> None:
    of_packs = {text for one in packs.pack("nl-municipality") for text in one.sentences()}
    of_packs |= set(packs.no_topic())
    asked = {one.text for half in (bench.FIRST_HALF, bench.SECOND_HALF) for one in bench.asked(half)}

    assert not {one.text for one in held_out().sentences()} & of_packs
    assert not asked & of_packs


def test_with_fifteen_words_a_topic_nine_of_ten_are_right() -> None:
    found = bench.shares(by_words(), held_out().sentences())

    assert found.right_of_routed >= 0.94
    assert found.to_a_human <= 0.20
    assert found.no_topic_to_a_human >= 0.95


def test_with_the_pack_hardly_anything_is_wrong_and_most_goes_where_it_belongs() -> None:
    said = held_out().sentences(by_pack=True)
    clear, as_heard = bench.shares(by_pack(), said), bench.shares(by_pack(), said, is_spoiled=True)

    assert clear.right_of_routed >= 0.938
    assert clear.to_a_human <= 0.102
    assert clear.no_topic_to_a_human >= 0.95
    assert as_heard.right_of_routed >= 0.94
    assert as_heard.to_a_human <= 0.18


def test_near_to_a_topic_and_about_none_hardly_anything_is_routed() -> None:
    found = bench.shares(by_pack(), bench.asked(bench.SECOND_HALF))

    assert found.right_of_routed >= 0.938
    assert found.to_a_human <= 0.13
    assert found.no_topic_to_a_human >= 0.93


def test_what_a_bank_is_phoned_about_is_nobodys_matter_only_where_no_bank_answers() -> None:
    said = "mijn pinpas is geblokkeerd"
    bank = Known("passen", "Passen", "Klantenservice", ("bankpas", "pinpas", "pincode"), "nl")

    assert said in packs.no_topic()
    assert said not in {one.text for one in background.sentences([bank], []) if not one.topic}
    assert said in {one.text for one in background.sentences(held_out().topics, []) if not one.topic}


@pytest.mark.parametrize(
    "said",
    [
        "ik wil aangifte doen van diefstal",
        "de belastingdienst heeft mijn teruggave niet betaald",
        "mijn verblijfsvergunning ligt bij de ind",
        "de buren komen zo koffie drinken",
        "een medewerker graag",
    ],
)
def test_a_word_of_a_topic_in_a_matter_of_others_is_no_topic(said: str) -> None:
    guess = by_pack().guess(said)

    assert guess.score < by_pack().trust.sure_from


@pytest.mark.parametrize(("said", "topic"), [("rioolverstopping", "riool"), ("paspoort", "paspoort")])
def test_one_word_is_enough_where_it_says_it_all(said: str, topic: str) -> None:
    guess = by_pack().guess(said)

    assert (guess.topic, guess.score >= by_pack().trust.sure_from) == (topic, True)


def test_what_was_learnt_is_kept_and_read_again_as_it_was() -> None:
    kept = by_words().as_bytes()
    again = Fitted.from_bytes(kept)

    assert len(kept) < 2_000_000
    for one in held_out().sentences()[::7]:
        before, after = by_words().guess(one.text), again.guess(one.text)
        assert (before.topic, before.why) == (after.topic, after.why)
        assert before.score == pytest.approx(after.score, abs=0.02)


def test_nothing_of_what_is_kept_can_run_as_code() -> None:
    with pytest.raises(ValueError, match=r".*"):
        Fitted.from_bytes(b"\x80\x04\x95cos\nsystem\n(S'true'\ntR.")


def test_a_recogniser_spoils_the_same_sentence_in_the_same_way() -> None:
    text = "mijn bijstandsuitkering is deze maand niet gestort"

    assert spoiled(text, 3) == spoiled(text, 3)
    assert len({spoiled(text, seed) for seed in range(20)}) > 5
