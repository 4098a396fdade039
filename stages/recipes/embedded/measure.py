"""What the embedded checkpoints can do, measured through the production adapters on scenes of a held-out seed.

    python -m stages.recipes.embedded.measure --cache CACHE --count 300        (all, into their card.json)
    python -m stages.recipes.embedded.measure --cache CACHE --count 300 yolo-nano

Every measure is of `stages.evaluate`; nothing here sees the gold before the prediction is made.
"""

import argparse
import json
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

import msgspec
import numpy as np

from shards.finding import Box
from shards.record import Candidate, GroundedBox, Grounding, Record, Region, Source, Text, Vote
from specialists.roles import Captioner, Detections, Grounder, Image, Matcher, Phrase, Segmenter
from specialists.weights import EMBEDDED_FOLDER
from stages.annotate.boxes import crop
from stages.annotate.tiles import TileSettings, found_in_parts
from stages.evaluate.bootstrap import Estimate, estimate, ratio
from stages.evaluate.report import measure_records
from stages.recipes.embedded.data import TEST_SEED, Drawn, drawn_scenes
from stages.scenes.gold import GRANULARITIES
from stages.scenes.kinds import NAMES

SOURCE = Source("predicted", "", 0, None, "")
KEPT_SCORE = 0.3
"""Precision and recall are of boxes at least this sure; average precision is of all boxes."""
DISTRACTORS = 7
"""A phrase is picked among this many phrases of other objects and its own."""

TILES = TileSettings()

Table = dict[str, Estimate]
Detect = Callable[[list[Image]], list[Detections]]
Held = Sequence[tuple[Image, Record]]
"""Pictures and their gold."""


def measure_detector(detect: Detect, held: Held, resamples: int) -> Table:
    """boxes/map and map50 of all boxes, the other box measures of those with KEPT_SCORE."""
    detected = detect([image for image, _ in held])
    sure = [_only(detections, detections.scores >= KEPT_SCORE) for detections in detected]
    gold = [record for _, record in held]
    ranked = measure_records(_with_objects(gold, detected), gold, resamples, ["boxes"])
    kept = measure_records(_with_objects(gold, sure), gold, resamples, ["boxes"])
    table = kept | {name: ranked[name] for name in ("boxes/map", "boxes/map50")}
    return {name: found for name, found in table.items() if name.count("/") == 1}  # those of single labels are many


def measure_in_parts(detect: Detect, held: Held, resamples: int) -> Table:
    """The same as tiles/*, of a detector that looks at the parts of every picture, too."""
    table = measure_detector(lambda images: found_in_parts(detect, images, TILES), held, resamples)
    return {name.replace("boxes/", "tiles/"): found for name, found in table.items()}


def measure_captioner(captioner: Captioner, held: Held, resamples: int) -> Table:
    """captions/* of all three granularities."""
    images = [image for image, _ in held]
    captions = {g: captioner.caption(images, g) for g in GRANULARITIES}
    predicted = [
        _blank(record, texts=[Text(f"t{k}", g, captions[g][i].text, SOURCE) for k, g in enumerate(GRANULARITIES)])
        for i, (_, record) in enumerate(held)
    ]
    return measure_records(predicted, [record for _, record in held], resamples, ["captions"])


def measure_close_ups(captioner: Captioner, held: Held, resamples: int) -> Table:
    """crops/exact: of the gold objects shown alone, those whose caption is their phrase, word for word; crops/kind:
    those whose caption ends in their kind, as phrases do."""
    exact, kinds = [], []
    for image, record in held:
        things = _things(record)
        captions = captioner.caption([crop(image, region.box) for region in things], "brief") if things else []
        pairs = [(caption.text, region) for caption, region in zip(captions, things, strict=True)]
        exact.append((sum(text == region.candidates[1].text for text, region in pairs), len(things)))
        kinds.append((sum(text.endswith(region.candidates[0].text) for text, region in pairs), len(things)))
    return {f"crops/{name}": _share(rows, resamples) for name, rows in (("exact", exact), ("kind", kinds))}


def measure_grounder(grounder: Grounder, held: Held, resamples: int) -> Table:
    """phrases/* on the gold texts; per granularity recall as phrases/<granularity>/recall_at_1."""
    table: Table = {}
    per_text: list[list[list[Phrase]]] = []
    for k, granularity in enumerate(GRANULARITIES):
        answers = grounder.ground([image for image, _ in held], [record.texts[k].text for _, record in held])
        predicted = [_grounded(record, {k: phrases}) for (_, record), phrases in zip(held, answers, strict=True)]
        part = measure_records(predicted, [record for _, record in held], resamples, ["phrases"])
        table[f"phrases/{granularity}/recall_at_1"] = part["phrases/recall_at_1"]
        per_text.append(answers)
    together = [_grounded(record, {k: per_text[k][i] for k in range(3)}) for i, (_, record) in enumerate(held)]
    return table | measure_records(together, [record for _, record in held], resamples, ["phrases"])


def measure_segmenter(segmenter: Segmenter, held: Held, resamples: int) -> Table:
    """masks/iou with the gold boxes as prompts."""
    prompts = [np.array([r.box for r in _things(record)], dtype=np.float32).reshape(-1, 4) for _, record in held]
    masks = segmenter.segment([image for image, _ in held], prompts)
    predicted = [
        _blank(
            record,
            regions=[
                msgspec.structs.replace(region, polygons=polygons)
                for region, polygons in zip(_things(record), drawn.polygons, strict=True)
            ],
        )
        for (_, record), drawn in zip(held, masks, strict=True)
    ]
    return measure_records(predicted, [record for _, record in held], resamples, ["masks"])


def measure_matcher(matcher: Matcher, held: Held, resamples: int) -> Table:
    """matches/label: the right kind of all kinds; matches/phrase: the right full phrase among eight."""
    rng = np.random.default_rng(TEST_SEED)
    phrases = sorted({region.candidates[1].text for _, record in held for region in _things(record)})
    labels, chosen = [], []
    for image, record in held:
        crops, options = [], []
        for region in _things(record):
            x0, y0, x1, y1 = (round(v) for v in region.box)
            crops.append(np.ascontiguousarray(image[y0 : max(y1, y0 + 1), x0 : max(x1, x0 + 1)]))
            own = region.candidates[1].text
            others = [phrases[int(i)] for i in rng.permutation(len(phrases)) if phrases[int(i)] != own]
            options.append([own, *others[:DISTRACTORS]])
        kinds = matcher.similarity(crops, [list(NAMES)] * len(crops))
        named = [NAMES[int(s.argmax())] == r.candidates[0].text for s, r in zip(kinds, _things(record), strict=True)]
        labels.append((sum(named), len(named)))
        chosen.append((sum(int(s.argmax()) == 0 for s in matcher.similarity(crops, options)), len(crops)))
    return {f"matches/{name}": _share(rows, resamples) for name, rows in (("label", labels), ("phrase", chosen))}


def _share(rows: list[tuple[int, int]], resamples: int) -> Estimate:
    """rows: (right, of) per picture."""
    sums = np.array(rows, dtype=np.float64)
    return estimate(sums, ratio, int(sums[:, 1].sum()), resamples)


def _only(detections: Detections, keep: np.ndarray) -> Detections:
    labels = [label for label, kept in zip(detections.labels, keep, strict=True) if kept]
    return Detections(detections.boxes[keep], detections.scores[keep], labels)


def _blank(gold: Record, texts: list[Text] | None = None, regions: list[Region] | None = None) -> Record:
    """A record of the same picture with nothing of the gold in it."""
    return Record(gold.key, "", "", gold.width, gold.height, 0, texts or [], regions or [])


def _with_objects(gold: list[Record], detected: list[Detections]) -> list[Record]:
    records = []
    for record, detections in zip(gold, detected, strict=True):
        regions = []
        for box, score, label in zip(
            detections.boxes.tolist(), detections.scores.tolist(), detections.labels, strict=True
        ):
            place = cast(Box, tuple(box))
            candidates = [Candidate("phrase", label, None, SOURCE)]
            regions.append(Region("r", "object", place, score, candidates, 0, [Vote(place, label, score, 1.0, SOURCE)]))
        records.append(_blank(record, regions=regions))
    return records


def _grounded(gold: Record, answers: dict[int, list[Phrase]]) -> Record:
    """The gold texts with predicted phrases."""
    groundings = []
    for k, phrases in answers.items():
        text = gold.texts[k]
        for phrase in phrases:
            rated = zip(phrase.boxes.tolist(), phrase.box_scores.tolist(), strict=True)
            places = [GroundedBox(cast(Box, tuple(box)), score, SOURCE) for box, score in rated]
            span = (phrase.start, phrase.end)
            groundings.append(Grounding(text.id, span, text.text[slice(*span)], phrase.score, places))
    return msgspec.structs.replace(_blank(gold, texts=[gold.texts[k] for k in answers]), groundings=groundings)


def _things(record: Record) -> list[Region]:
    return [region for region in record.regions if region.kind == "object"]


def _florence2(folder: Path, held: Held, resamples: int) -> Table:
    from specialists.florence2 import (
        Florence2Captioner,
        Florence2CaptionerSettings,
        Florence2Detector,
        Florence2DetectorSettings,
        Florence2Grounder,
        Florence2GrounderSettings,
    )

    captioner = Florence2Captioner(Florence2CaptionerSettings(backend="florence2", weights=str(folder)))
    detector = Florence2Detector(Florence2DetectorSettings(backend="florence2", weights=str(folder)))
    grounder = Florence2Grounder(Florence2GrounderSettings(backend="florence2", weights=str(folder)))
    for specialist in (captioner, detector, grounder):
        specialist.load()
    return (
        measure_captioner(captioner, held, resamples)
        | measure_close_ups(captioner, held, resamples)
        | measure_detector(detector.detect, held, resamples)
        | measure_in_parts(detector.detect, held, resamples)
        | measure_grounder(grounder, held, resamples)
    )


def _yolo(folder: Path, held: Held, resamples: int) -> Table:
    from specialists.ultralytics_yolo import UltralyticsDetector, UltralyticsSettings

    detector = UltralyticsDetector(UltralyticsSettings(backend="ultralytics", weights=str(folder)))
    detector.load()
    return measure_detector(detector.detect, held, resamples)


def _sam(folder: Path, held: Held, resamples: int) -> Table:
    from specialists.segment_anything_sam import SegmentAnything, SegmentAnythingSettings

    segmenter = SegmentAnything(SegmentAnythingSettings(backend="segment_anything", weights=str(folder)))
    segmenter.load()
    return measure_segmenter(segmenter, held, resamples)


def _clip(folder: Path, held: Held, resamples: int) -> Table:
    from specialists.clip_matcher import ClipMatcher, ClipSettings

    matcher = ClipMatcher(ClipSettings(backend="clip", weights=str(folder)))
    matcher.load()
    return measure_matcher(matcher, held, resamples)


MEASURES: dict[str, Callable[[Path, Held, int], Table]] = {
    "florence2-nano": _florence2,
    "yolo-nano": _yolo,
    "sam-nano": _sam,
    "clip-nano": _clip,
}


def held_out(cache: Path, count: int) -> Held:
    """The first scenes of the test seed."""
    return [_pair(drawn) for drawn in drawn_scenes(cache, TEST_SEED, 0, count)]


def _pair(drawn: Drawn) -> tuple[Image, Record]:
    return drawn.image(), drawn.record


def _noted(estimate: Estimate) -> dict[str, float]:
    numbers = {"value": estimate.value, "low": estimate.low, "high": estimate.high}
    return {name: round(value, 4) for name, value in numbers.items()} | {"count": estimate.count}


def main() -> None:
    """Measure checkpoints and write the scores into their card.json."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=list(MEASURES), help=f"of {', '.join(MEASURES)}")
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--embedded", type=Path, default=EMBEDDED_FOLDER)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    held = held_out(arguments.cache, arguments.count)
    for name in arguments.names:
        scores = MEASURES[name](arguments.embedded / name, held, 200)
        path = arguments.embedded / name / "card.json"
        card = json.loads(path.read_bytes()) if path.exists() else {"name": name}
        card |= {"test_seed": TEST_SEED, "test_scenes": len(held)}
        card["scores"] = {key: _noted(score) for key, score in scores.items()}
        path.write_text(json.dumps(card, indent=1) + "\n")
        for key, score in scores.items():
            logging.info("%s %s %.3f (%.3f - %.3f) of %d", name, key, score.value, score.low, score.high, score.count)


if __name__ == "__main__":
    main()
