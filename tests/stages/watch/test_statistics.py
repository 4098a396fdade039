"""The numbers of a round, worked out by hand."""

from collections import Counter

import pytest
from msgspec.structs import replace

from shards.record import Record, Region, Source, Vote
from stages.watch.statistics import agreement, entropy, is_supported, statistics
from tests.stages.evaluate.records import grounding, record, thing
from tests.stages.fuse.builders import WordCounter

LEFT, RIGHT = (0.0, 0.0, 20.0, 20.0), (60.0, 60.0, 90.0, 90.0)
OWN = Source("generalist", "g1", 1, 0.9, "generalist/0")


def learned(region: Region) -> Region:
    """The region as the loop's model alone sees it."""
    return replace(region, votes=[Vote(region.box, "dog", 0.9, 1.0, OWN)])


def test_entropy() -> None:
    assert entropy(Counter({"dog": 2, "cat": 2})) == 1.0
    assert entropy(Counter({"dog": 5})) == 0.0
    assert entropy(Counter()) == 0.0


def test_a_region_is_supported_if_one_vote_is_not_the_models() -> None:
    dog = thing("dog", LEFT)
    assert is_supported(dog)
    assert not is_supported(learned(dog))
    assert is_supported(replace(dog, votes=[*learned(dog).votes, *dog.votes]))


def test_a_round() -> None:
    text = "a dog near a cat"
    places = grounding(text, "a dog", LEFT)
    own_places = replace(places, boxes=[replace(box, source=OWN) for box in places.boxes])
    records = [
        record("a", thing("dog", LEFT), learned(thing("cat", RIGHT)), brief=text, groundings=[places, own_places]),
        replace(record("b", brief="two dogs"), texts=[replace(record("b", brief="two dogs").texts[0], source=OWN)]),
    ]
    found = statistics(records, WordCounter(), first=[record("a", thing("dog", LEFT), brief=text)])
    assert (found.images, found.labels, found.label_entropy, found.boxes_per_image) == (2, 2, 1.0, 1.0)
    assert (found.vocabulary, found.brief_length, found.brief_complexity) == (6, 3.5, 2.0)
    assert (found.unsupported_regions, found.unsupported_texts, found.unsupported_phrases) == (0.5, 0.5, 0.5)
    assert found.agreement_boxes == pytest.approx(2 / 3, abs=1e-6)
    assert (found.agreement_texts, found.self_agreement) == (1.0, None)


def test_an_empty_round() -> None:
    found = statistics([], WordCounter())
    assert (found.images, found.boxes_per_image, found.brief_length, found.agreement_boxes) == (0, 0.0, 0.0, None)


@pytest.mark.parametrize(("said", "wanted"), [([], []), ([record("a")], [record("a")])])
def test_there_is_no_agreement_about_nothing(said: list[Record], wanted: list[Record]) -> None:
    assert agreement("boxes", said, wanted) is None
