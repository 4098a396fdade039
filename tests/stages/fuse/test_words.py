"""Readers agree by place and by what they read."""

from shards.finding import Box, Finding, OcrLine
from stages.fuse.boxes import Cluster
from stages.fuse.ledger import of_type
from stages.fuse.settings import FuseSettings
from stages.fuse.words import fuse_words, text_similarity
from tests.stages.fuse.builders import found, stated, word

SIGN: Box = (10.0, 10.0, 110.0, 30.0)
SAME_SIGN: Box = (14.0, 11.0, 112.0, 31.0)
BELOW: Box = (10.0, 40.0, 110.0, 60.0)


def fused(settings: FuseSettings | None = None, **findings: list[Finding]) -> list[Cluster]:
    return fuse_words(of_type(stated(findings), OcrLine), settings or FuseSettings(), list(findings))


def refs(clusters: list[Cluster]) -> list[list[str]]:
    return [[member.source.ref for member in each.members] for each in clusters]


def test_the_better_reading_gives_text_and_quad_and_the_other_is_a_vote() -> None:
    [cluster] = fused(easy=[word("EXlT", 0.55, SIGN)], reader=[word("EXIT", 0.93, SAME_SIGN)])
    assert refs([cluster]) == [["reader/0", "easy/0"]]
    assert cluster.label == "EXIT"
    assert cluster.shares() == [1.0, 0.0]
    assert cluster.quad == (14.0, 11.0, 112.0, 11.0, 112.0, 31.0, 14.0, 31.0)


def test_readers_that_read_different_words_stay_apart() -> None:
    assert len(fused(easy=[word("MENU", 0.9, SIGN)], reader=[word("EXIT", 0.9, SAME_SIGN)])) == 2


def test_equal_words_in_different_places_stay_apart() -> None:
    assert len(fused(easy=[word("EXIT", 0.9, SIGN)], reader=[word("EXIT", 0.9, BELOW)])) == 2


def test_words_of_one_reader_are_never_one() -> None:
    assert len(fused(reader=[word("EXIT", 0.9, SIGN), word("EXIT", 0.8, SIGN)])) == 2


def test_reading_order_is_that_of_the_first_reader() -> None:
    clusters = fused(
        easy=[word("second", 0.4, BELOW), word("first", 0.5, SIGN)],
        reader=[word("first", 0.9, SIGN), word("second", 0.95, BELOW)],
    )
    assert refs(clusters) == [["reader/1", "easy/0"], ["reader/0", "easy/1"]]


def test_a_given_text_wins_over_better_scores() -> None:
    [cluster] = fused(given=[word("EXIT", 0.1, SIGN)], reader=[word("EXIT!", 0.99, SAME_SIGN)])
    assert (cluster.label, cluster.score, cluster.human) == ("EXIT", 1.0, True)


def test_a_box_without_quad_is_its_own_quad() -> None:
    [cluster] = fused(easy=[OcrLine("EXIT", 0.9, box=SIGN)], reader=[word("EXIT", 0.8, SAME_SIGN)])
    assert len(cluster.members) == 2


def test_what_has_no_place_is_in_no_cluster() -> None:
    assert fused(reader=[OcrLine("EXIT", 0.9, box=(5, 5, 5, 5)), found("x", 0.9, (700, 10, 800, 20))]) == []


def test_similarity_ignores_case_and_space() -> None:
    assert text_similarity("SPEED  LIMIT", "speed limit") == 1.0
    assert text_similarity("", "") == 1.0
    assert text_similarity("EXIT", "EXlT") == 0.75
