"""Whatever is said about an image, every finding is accounted for once, and the record holds together."""

import math
import random
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.region import RegionSettings
from filters.settings import FilterSettings
from shards.finding import (
    Box,
    Caption,
    Detection,
    Finding,
    Granularity,
    Mask,
    Match,
    OcrLine,
    PhraseGrounding,
    reference,
)
from shards.record import decode, encode
from stages.fuse.settings import ConsensusSettings, FuseSettings
from tests.stages.fuse.builders import DOG, FAR, NEAR_DOG, build

NO_FILTERS = FilterSettings(region=RegionSettings(min_score=0, nms_iou=None, nms_iou_any_label=None))


TEXTS = ["a dog chases a ball", "a dog", "", "it", "a red car near two small trees in the background"]


SLOTS: list[Literal["phrase", "brief", "chunk", "ocr"]] = ["phrase", "brief", "chunk", "ocr"]


ANNOTATORS = ["given", "detector", "yolo", "reader", "caption", "grounder", "clip", "sam"]


def some_findings(seed: int) -> dict[str, list[Finding]]:
    """Anything a column could hold, sense or nonsense. One seed instead of a strategy per field: drawing 20 fields of
    60 findings one by one takes hypothesis a second per example."""
    rng = random.Random(seed)

    def number() -> float:
        return rng.choice([rng.uniform(-50, 700), rng.uniform(0, 480), math.nan])

    def score() -> float | None:
        return rng.choice([None, rng.random(), rng.random(), rng.random(), math.nan, 1.25, -0.25, 0.0, 1.0])

    def box() -> Box:
        anywhere = (number(), number(), number(), number())
        return rng.choice([DOG, NEAR_DOG, FAR, (0.0, 0.0, 640.0, 480.0), anywhere])

    def one() -> Finding:
        quad = (number(), number(), number(), number(), number(), number(), number(), number())
        text = rng.choice([*TEXTS, "dog", "DOG", "a cat"])
        about = rng.choice(["", reference(rng.choice(ANNOTATORS), rng.randrange(5))])
        granularity: Granularity | None = rng.choice([None, "brief", "detailed"])
        rings = rng.choice([[], [[10.0, 10.0, 50.0, 10.0, 50.0, 50.0]]])
        span = rng.choice([(rng.randrange(12), rng.randrange(25)), (0, 5)])
        place = rng.choice([None, box()])
        anything: list[Finding] = [
            Caption(text, score(), about, granularity),
            Detection(text, score(), box=box(), polygons=rng.choice([None, rings])),
            Detection(text, score(), box=box()),
            OcrLine(text, score(), box=box(), quad=rng.choice([None, quad])),
            PhraseGrounding(text, score(), about=about, box=place, span=span, phrase_score=score()),
            PhraseGrounding(text, score(), about=about, box=box(), span=span, phrase_score=score()),
            Mask(score=score(), about=about, polygons=rings),
            Match(text, score(), about=about, granularity=granularity, slot=rng.choice([None, *SLOTS])),
        ]
        return rng.choice(anything)

    return {name: [one() for _ in range(rng.randrange(9))] for name in ANNOTATORS if rng.random() < 0.8}


@pytest.mark.thorough
@settings(max_examples=300, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    agreement=st.sampled_from(["label", "geometry"]),
    keep=st.sampled_from(["keep", "filter"]),
    min_votes=st.integers(1, 2),
    filters=st.sampled_from([FilterSettings(), NO_FILTERS]),
    labels=st.sampled_from([[], ["ball", "cat", "tree"]]),
)
def test_every_finding_is_kept_or_dropped_exactly_once(
    seed: int, agreement: str, keep: str, min_votes: int, filters: FilterSettings, labels: list[str]
) -> None:
    findings = some_findings(seed)
    consensus = ConsensusSettings(min_votes=min_votes)
    fuse = FuseSettings(agreement=agreement, given=keep, consensus=consensus, labels=labels)
    record, rows = build(findings, fuse, filters)

    said = [reference(name, index) for name, each in findings.items() for index in range(len(each))]
    assert sorted(row.ref for row in rows) == sorted(said)
    assert all(row.kept != bool(row.rule) for row in rows)
    ids = {text.id for text in record.texts} | {region.id for region in record.regions}
    ids |= {f"g{index}" for index in range(len(record.groundings))}
    assert {row.id for row in rows if row.kept} == ids

    kept = {row.ref: row for row in rows if row.kept}
    sources = [text.source for text in record.texts]
    for region in record.regions:
        assert 0 <= region.selected < len(region.candidates)
        assert sum(vote.weight for vote in region.votes) == pytest.approx(1.0, abs=1e-3)
        sources += [vote.source for vote in region.votes] + [each.source for each in region.candidates]
    for grounding in record.groundings:
        [text] = [text.text for text in record.texts if text.id == grounding.text_id]
        assert text[grounding.span[0] : grounding.span[1]] == grounding.phrase
        assert grounding.boxes
        assert all(box.region_id is None or box.region_id in ids for box in grounding.boxes)
        sources += [box.source for box in grounding.boxes]
    for source in sources:  # every number in the record leads back to a kept raw finding
        raw = findings[source.annotator][int(source.ref.rsplit("/", 1)[1])]
        assert source.ref in kept
        assert raw.score == source.score
    assert decode(encode(record)) == record
