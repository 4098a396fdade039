"""One round in Python: images in; annotated, filtered, written, looked at, judged again and exported.

python docs/round.py photos/ corpus        with the embedded profile; settings as on the command line
"""

import sys
from collections import Counter

import engine


def one_round(images: str, corpus: str, config: str | None = None) -> None:
    # Ingest, annotate, fuse, filter, write round 0. The same call goes on after a crash and does nothing when done.
    report = engine.run([images], corpus, config, {"engine.backend": "local"}, tell=print)
    print(f"{report.kept} of {report.read} images have a record, {report.failed} failed")

    # Every annotation that was dropped is a row of the index: by which rule, on which value.
    for (kind, rule), count in sorted(report.filter.tally.items()):
        print(f"{count:6} {kind:10} {rule}")

    # Records are what was kept: texts, regions with their votes, phrases tied to regions.
    round_ = engine.Corpus(corpus).round(0)
    labels: Counter[str] = Counter()
    for shard in round_.shards():
        for record in round_.records(shard):
            labels.update(region.text for region in record.regions if region.kind == "object")
    print("most frequent objects:", labels.most_common(5))

    # What would another threshold change? No model runs for that.
    stricter = engine.filter(corpus, settings={"filters.region.min_score": 0.95}, dry_run=True)
    was, now = report.filter.tally["region", "kept"], stricter.tally["region", "kept"]
    print(f"regions kept at 0.95: {now} instead of {was}")

    exported = engine.export(corpus, f"{corpus}/coco.json")
    print(f"{exported.path}: {exported.objects} objects in {exported.categories} categories")


if __name__ == "__main__":
    one_round(*sys.argv[1:])
