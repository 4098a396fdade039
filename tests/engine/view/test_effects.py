"""Thresholds that are not about one annotator's scores: probabilities, and boxes that nobody else saw."""

from engine.view.effects import LONE, Effect, Effects
from shards.commit import ImageCounts
from shards.reader import Round
from shards.rounds import IndexRow, write_round_shard
from shards.store import open_store
from tests.engine.view.corpora import index_of, picture, record


def effects(name: str) -> Effects:
    """One image: r0 of yolo and detr, r1 of yolo alone (0.35), a word of two readers, and what was dropped: a box by
    its probability, one as a lone one, a word by its own annotator's threshold."""
    store, made = open_store(f"memory://{name}"), record("a", 0, 0)
    box = (70.0, 5.0, 100.0, 30.0)
    rows = [row for row in index_of(made) if row.kept]
    rows += [
        IndexRow("a", "r2", "region", reader, "f", f"{reader}/0", None, "EXIT", 0.9, box) for reader in ("ocr", "tess")
    ]
    rows += [
        IndexRow("a", "", "region", "yolo", "f", "yolo/7", None, "ghost", 0.4, box, False, "region.score", 0.02, 0.03),
        IndexRow("a", "", "region", "detr", "f", "detr/7", None, "ghost", 0.5, box, False, LONE, 0.5, 0.6),
        IndexRow("a", "", "region", "ocr", "f", "ocr/7", None, "EX", 0.2, box, False, "region.score", 0.2, 0.25),
    ]  # fmt: skip
    write_round_shard(store, 0, "000000", [(made, "jpg", picture(0))], rows, ImageCounts(1, 1), "f")
    return Effects(Round(store, 0), {"ocr": "reader", "tess": "reader"})


def test_a_threshold_of_probabilities_is_of_all_objects() -> None:
    found = {
        (each.rule, each.source): (each.threshold, each.setting) for each in effects("e-sliders").sliders("000000")
    }
    assert found == {
        ("region.score", "all objects"): (0.03, "filters.region.min_score"),
        ("region.score", "ocr"): (0.25, "filters.ocr.annotators.ocr.min_score"),
        ("fuse.lone_box_score", "all objects"): (0.6, "fuse.consensus.lone_box_score"),
        ("fuse.lone_box_score", "all words"): (0.0, "fuse.word_consensus.lone_box_score"),
    }


def test_what_another_threshold_would_change() -> None:
    found = effects("e-effects")
    assert found.effect("region.score", "all objects", 0.01) == Effect(1, 0, 1, 1)
    assert found.effect("region.score", "all objects", 0.5) == Effect(0, 1, 1, 1), "r1, by its probability"
    assert found.effect("phrase.score", "grounder", 0.69) == Effect(0, 0, 1, 1)
    assert found.effect("phrase.score", "grounder", 0.8) == Effect(0, 1, 1, 1), "by the phrase, not by its box"
    assert found.effect("region.score", "ocr", 0.1) == Effect(1, 0, 1, 1)
    assert found.effect("fuse.lone_box_score", "all objects", 0.4) == Effect(1, 1, 1, 1, is_most=True)
    assert found.effect("fuse.lone_box_score", "all words", 1.0) == Effect(0, 0, 1, 1, is_most=True)
