"""Does a simulated recogniser spoil what is said as real ones do?"""

from random import Random

from phonebox.mishearing import CONFIDENCE, LEAST_CONFIDENCE, misheard


def test_what_is_heard_well_stays_as_it_was_said() -> None:
    assert misheard("Tweeëntwintig, zei ik.", 0, Random(1)).text == "Tweeëntwintig, zei ik."


def test_what_is_misheard_loses_words_dots_and_certainty_and_compounds_fall_apart() -> None:
    said = "Ik heb een vraag over de bijstandsuitkering van tweeëntwintig maart"
    heard = [misheard(said, 0.6, Random(seed)) for seed in range(20)]

    assert len({one.text for one in heard}) > 1
    assert all("ë" not in one.text and one.text != said for one in heard)
    assert any("bijstandsuitkering" not in one.text and "uitkering" not in one.text for one in heard)
    assert {one.confidence for one in heard} == {LEAST_CONFIDENCE}
    assert misheard(said, 0.1, Random(1)).confidence < CONFIDENCE
