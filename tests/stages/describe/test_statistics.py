from pathlib import Path

import msgspec

from filters.features import TextFeatures
from shards.reader import Corpus
from shards.record import Candidate, GroundedBox, Grounding, Record, Region, Source, Text, Vote
from shards.store import LocalStore
from stages.describe.agreement import AgreementCounts, Pair
from stages.describe.annotations import AnnotationCounts
from stages.describe.boxes import BINS, BoxCounts
from stages.describe.filter_summary import EXAMPLES, summarize_filters
from stages.describe.statistics import describe
from tests.engine.view.corpora import build_viewed

SMALL, WIDE = (0.0, 0.0, 10.0, 10.0), (20.0, 40.0, 100.0, 60.0)


def source(name: str) -> Source:
    return Source(name, "f", 0, 0.9, f"{name}/0")


def no_features(texts: list[str]) -> list[TextFeatures]:
    return [TextFeatures(len(text), 1, 0, 0, 0) for text in texts]


def record() -> Record:
    """Two objects, one of them seen by two detectors that name it differently, and a word."""
    texts = [Text("t0", "brief", "a dog, running", source("c")), Text("t1", "detailed", "one two three", source("c"))]
    regions = [
        Region("r0", "object", SMALL, 0.8, [Candidate("phrase", "dog", None, source("yolo")),
               Candidate("brief", "a brown dog", 0.7, source("c"))], 1,
               [Vote(SMALL, "dog", 0.8, 0.5, source("yolo")), Vote(SMALL, "cat", 0.7, 0.5, source("detr"))]),
        Region("r1", "object", WIDE, 0.4, [Candidate("phrase", "dog", None, source("yolo"))], 0,
               [Vote(WIDE, "dog", 0.4, 1.0, source("yolo"))]),
        Region("r2", "text", WIDE, 0.9, [Candidate("ocr", "OPEN NOW", None, source("ocr"))], 0, []),
    ]  # fmt: skip
    places = [GroundedBox(SMALL, 0.5, source("g"), "r0"), GroundedBox(WIDE, 0.5, source("g"))]
    return Record("k", "u", "", 100, 100, 0, texts, regions, [Grounding("t0", (0, 5), "a dog", 0.5, places)])


def test_table_2_counts_texts_regions_and_their_words() -> None:
    counts = AnnotationCounts()
    counts.add(record())
    rows = {(row.type, row.kind): row for row in counts.rows()}
    assert (rows["text", "brief"].count, rows["text", "brief"].tokens) == (1, 3)
    assert rows["text", "more_detailed"].tokens is None
    phrase, brief, ocr = (rows["region-text", kind] for kind in ("phrase", "brief", "ocr"))
    assert (phrase.count, phrase.regions, phrase.per, phrase.regional_tokens) == (1, 2, 2, 1)
    assert brief.regional_tokens == 2  # "a brown dog" and "dog"
    assert (ocr.regions, ocr.regional_tokens) == (1, 2)
    grounded = rows["text-phrase-region", "brief"]
    assert (grounded.count, grounded.tokens, grounded.regions, grounded.regional_tokens) == (1, 3, 2, 2)
    assert rows["text-phrase-region", "detailed"].count == 0


def test_boxes_are_counted_by_area_shape_and_place() -> None:
    counts = BoxCounts()
    counts.add([SMALL, WIDE, (5.0, 5.0, 5.0, 9.0)], 100, 100)
    found = counts.total()
    assert found.count == 2  # the third has no area
    assert found.areas[BINS // 2] == 1  # 1% of the picture, half way from 0.01% to all
    assert found.aspects[BINS // 2] == 1  # a square
    assert found.aspects[18] == 1  # 4:1, three quarters of the way
    assert found.centres[1][1] == 1
    assert found.centres[12][14] == 1
    counts.add([], 100, 100)
    assert counts.total() == found


def test_agreement_counts_detectors_and_grounders_as_witnesses() -> None:
    counts = AgreementCounts()
    counts.add(record())
    found = counts.total()
    assert found.saw == {"detr": 1, "g": 1, "yolo": 2}
    assert found.votes == {1: 1, 3: 1}
    assert Pair("detr", "yolo", 1, 1, 0) in found.pairs  # both saw it, and named it differently
    assert Pair("g", "yolo", 1, 0, 0) in found.pairs
    (dog,) = found.labels
    assert (dog.name, dog.objects, dog.supported, dog.score) == ("dog", 2, 1, 0.6)


def test_a_longer_name_of_the_same_thing_is_alike() -> None:
    counts, made = AgreementCounts(), record()
    votes = [Vote(SMALL, "a brown dog", 0.8, 0.5, source("g")), Vote(SMALL, "Dog", 0.7, 0.5, source("yolo"))]
    hotdog = [Vote(SMALL, "hotdog", 0.8, 0.5, source("g")), Vote(SMALL, "dog", 0.7, 0.5, source("yolo"))]
    for each in (votes, hotdog):
        counts.add(msgspec.structs.replace(made, regions=[msgspec.structs.replace(made.regions[0], votes=each)]))
    assert counts.total().pairs == [Pair("g", "yolo", 2, 2, 1)]


def test_a_round_is_described_shard_by_shard(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    build_viewed(store, images=12)
    found = describe(Corpus(store).round(1), no_features)
    assert (found.round, found.images, found.dropped, found.failed) == (1, 12, 2, 2)
    assert found.elements["brief"]["texts"] == 12
    assert found.boxes["region-text"].count == 24
    assert found.empty == {"texts": 0, "objects": 0, "words": 12, "phrases": 0}


def test_a_large_round_is_described_in_a_sample_that_says_so(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    build_viewed(store, images=12)
    round_ = Corpus(store).round(1)
    whole, part = (describe(round_, no_features, most=most) for most in (12, 4))
    assert (whole.described, part.described, part.images) == (12, 4, 12)
    assert sum(each.objects for each in part.agreement.labels) == 8
    assert part.boxes["region-text"] == whole.boxes["region-text"]
    assert part.empty == whole.empty
    counts = [
        {each.kind: each.count for each in found.annotations if each.type == "region-text"} for found in (whole, part)
    ]
    assert counts[0] == counts[1] == {"phrase": 12, "brief": 12, "ocr": 0}
    assert describe(round_, no_features, most=4) == part


def test_who_said_how_much_is_scaled_up_from_some_shards(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    build_viewed(store, images=12, shards=4)
    round_ = Corpus(store).round(0)
    whole, part = summarize_filters(round_), summarize_filters(round_, most=40)
    assert (whole.shards_read, part.shards_read, part.shards) == (4, 1, 4)
    assert part.said == whole.said
    assert [(each.rule, each.count) for each in part.drops] == [(each.rule, each.count) for each in whole.drops]
    assert len(part.drops[0].examples) == EXAMPLES


def test_the_ledger_has_three_examples_of_every_rule_of_different_images(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    build_viewed(store, images=12)
    ledger = summarize_filters(Corpus(store).round(0))
    first = ledger.drops[0]
    assert (first.type, first.rule, first.count) == ("region", "region.score", 24)
    assert len({row["key"] for row in first.examples}) == EXAMPLES
    assert {(drop.rule, drop.count) for drop in ledger.drops[1:]} == {("image.failed", 2), ("exact_duplicate", 2)}
    said = {(each.source, each.type): (each.kept, each.dropped) for each in ledger.said}
    assert said["yolo", "region"] == (24, 24)
    assert said["detr", "region"] == (12, 0)
