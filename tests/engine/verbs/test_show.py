"""What `fld show` says of a region's name."""

from engine.verbs.show import named
from shards.record import Candidate, Region, Source, Vote

BOX = (0.0, 0.0, 9.0, 9.0)


def source(annotator: str, index: int = 0) -> Source:
    return Source(annotator, "", 0, None, f"{annotator}/{index}")


def region(*candidates: Candidate) -> Region:
    vote = Vote(BOX, "balloon", 0.9, 1.0, source("objects", 4))
    return Region("r0", "object", BOX, 0.9, list(candidates), 0, [vote])


BRIEF = Candidate("brief", "a checkered kite", 0.9, source("crops", 2))
VOTED = Candidate("phrase", "balloon", 0.6, source("objects", 4))


def test_a_label_that_a_vote_has_stands_alone() -> None:
    assert named(region(VOTED, BRIEF)) == "balloon"


def test_a_corrected_label_names_the_text_that_it_comes_from() -> None:
    assert named(region(Candidate("phrase", "kite", 0.9, source("crops", 2)), VOTED, BRIEF)) == "kite (by crops/2)"


def test_a_region_without_a_label_has_none() -> None:
    assert named(region(BRIEF)) == ""
