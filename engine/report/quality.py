"""How good are the labels of a round, before and after its filters? Records against gold, in one table.

Comes in: a corpus with annotated images, and gold records of the same pictures (`fld scenes` writes them). Goes out,
for what the annotators said and for what the filters kept: precision (of what is there, how much is right) and recall
(of what is right, how much is there), with 95% intervals from resampled images:

    measure            raw                  kept
    boxes/precision    0.41 (0.38 - 0.45)   0.86 (0.82 - 0.90)
"""

from collections.abc import Mapping, Sequence

import numpy as np
from rich.table import Table

from filters.parser import Parser
from shards.commit import committed
from shards.folding import plain
from shards.layout import IMAGES
from shards.record import Record
from shards.store import Store
from stages.evaluate.bootstrap import Estimate, estimate, ratio
from stages.evaluate.captions import all_texts, first_text
from stages.evaluate.plans import unfiltered
from stages.evaluate.report import AREAS, measure_records
from stages.round import RoundPlan, Skipped, build_shard, read_shard

__all__ = ["comparison", "measure", "records", "unfiltered"]

RESAMPLES = 200


def records(store: Store, plan: RoundPlan, skipped: Mapping[str, Skipped]) -> list[Record]:
    """The records that `plan` makes of the raw columns; nothing is written."""
    parser = Parser(plan.filters.parser)
    parser.load()
    return [
        outcome.record
        for shard in committed(store, IMAGES)
        for outcome in build_shard(*read_shard(store, shard, plan), plan, skipped.get(shard, {}), parser)
        if outcome.record is not None
    ]


def measure(
    predicted: Sequence[Record],
    gold: Sequence[Record],
    areas: Sequence[str] | None = None,
    resamples: int = RESAMPLES,
) -> dict[str, Estimate]:
    """The measures of `stages.evaluate` for `areas` (default: objects, masks, phrases and words that there are any of),
    and of brief texts the share that is a gold text word for word: of those that are there (texts/precision), and of
    the gold ones (texts/recall)."""
    table = measure_records(predicted, gold, resamples, _areas(predicted) if areas is None else areas)
    texts_by_key = {record.key: first_text(record, "brief") for record in predicted}
    truth = {record.key: texts for record in gold if (texts := all_texts(record, "brief"))}
    if truth and any(texts_by_key.values()):
        exact = [
            (plain(texts_by_key.get(key, "")) in map(plain, texts), bool(texts_by_key.get(key)), 1)
            for key, texts in truth.items()
        ]
        sums = np.array(exact, dtype=np.float64)  # [images, (hits, said, true)]
        table["texts/precision"] = estimate(sums[:, [0, 1]], ratio, int(sums[:, 1].sum()), resamples)
        table["texts/recall"] = estimate(sums[:, [0, 2]], ratio, len(sums), resamples)
    return table


def _areas(predicted: Sequence[Record]) -> list[str]:
    """What was annotated at all: a round without a grounder is not bad at phrases. Texts have measures of their own."""
    return [area for area in areas_in(predicted) if area in AREAS and area != "regions"]


def areas_in(labelled: Sequence[Record]) -> list[str]:
    """The areas of which records have anything; captions by granularity ("captions/brief")."""
    objects = [region for record in labelled for region in record.regions if region.kind == "object"]
    there = {
        "boxes": bool(objects),
        "regions": bool(objects),
        "masks": any(region.polygons for region in objects),
        "phrases": any(record.groundings for record in labelled),
        "words": any(region.kind == "text" for record in labelled for region in record.regions),
    }
    sizes = dict.fromkeys(f"captions/{text.granularity}" for record in labelled for text in record.texts)
    return [*(area for area, is_there in there.items() if is_there), *sizes]


def comparison(columns: Mapping[str, Mapping[str, Estimate]], shown: Sequence[str]) -> Table:
    """One column of estimates per entry, one line per measure."""
    table = Table(box=None, pad_edge=False)
    for heading in ("measure", *columns):
        table.add_column(heading, no_wrap=heading == "measure", overflow="fold")
    for name in shown:
        if any(name in column and column[name].count for column in columns.values()):
            table.add_row(name, *(cell(column.get(name)) for column in columns.values()))
    return table


def cell(estimate: Estimate | None) -> str:
    """Value and interval, "none" where nothing was measured."""
    if estimate is None or estimate.count == 0:
        return "none"
    return f"{estimate.value:.2f} ({estimate.low:.2f} - {estimate.high:.2f})"
