"""Of the labels that are suspected first, how many are truly wrong? Of random ones?

python -m tests.experiments.suspects CORPUS GOLD

CORPUS: a round 0 in which people's labels, spoilt on purpose, stand beside a detector's; GOLD: gold.jsonl or COCO.
"""

import sys
from collections.abc import Iterator

from engine.config.config import load
from shards.geometry import iou
from shards.reader import Corpus
from shards.record import Record, Region
from shards.summary import label_of
from stages.evaluate.gold import gold_of
from stages.review.suspects import is_human, suspects

PLACE_IOU, THING_IOU = 0.75, 0.5


def wrong(region: Region, gold: Record) -> bool:
    """A given label that gold does not have there; or a thing that nobody labelled, and gold has."""
    overlaps = [iou(each.box, region.box) for each in gold.regions if label_of(each) == label_of(region)]
    best = max(overlaps, default=0.0)
    given = any(map(is_human, region.votes))
    return best < PLACE_IOU if given else best >= THING_IOU


def measured(corpus: Corpus, path: str) -> Iterator[tuple[float, bool]]:
    """(suspicion, truly wrong) of every object; -1 where nothing speaks against it."""
    images = [row for _, row in corpus.image_rows() if row.status == "ok"]
    gold = gold_of(path, images, load(None, [], corpus.store).ingest, None)
    truth = {record.key: record for record in gold.records}
    round_ = corpus.round(0)
    for record in (record for shard in round_.shards() for record in round_.records(shard)):
        scores = {each.id: each.score for each in suspects(record)}
        for region in record.regions:
            if region.kind == "object":
                yield scores.get(region.id, -1.0), wrong(region, truth[record.key])


def main(corpus: str, gold: str) -> None:
    """Print the share of wrong ones among the first, and of all."""
    found = sorted(measured(Corpus(corpus), gold), key=lambda each: -each[0])
    sys.stdout.write(f"{len(found)} regions, random order: {sum(bad for _, bad in found) / len(found):.2f}\n")
    for count in (50, 100, 200, 400):
        sys.stdout.write(f"first {count}: {sum(bad for _, bad in found[:count]) / count:.2f}\n")


if __name__ == "__main__":
    main(*sys.argv[1:3])
