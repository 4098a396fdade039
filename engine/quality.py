"""How good are the labels of a round, before and after its filters? Records against gold, in one table.

Comes in: a corpus with annotated images, and gold records of the same pictures (`fld scenes` writes them). Goes out,
for what the annotators said and for what the filters kept: precision (of what is there, how much is right) and recall
(of what is right, how much is there), with 95% intervals from resampled images:

    measure            raw                  kept
    boxes/precision    0.41 (0.38 - 0.45)   0.86 (0.82 - 0.90)
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from rich.table import Table

from filters.parser import Parser
from filters.phrase import PhraseSettings
from filters.region import RegionSettings
from filters.settings import FilterSettings
from filters.text import LengthRange, TextSettings
from shards.commit import committed
from shards.layout import IMAGES
from shards.record import Record
from shards.store import Store
from stages.evaluate.bootstrap import Estimate
from stages.evaluate.captions import text_of, text_quality
from stages.evaluate.report import evaluate
from stages.round import RoundPlan, Skipped, build_shard, read_shard

RESAMPLES = 200
SHOWN = [
    "boxes/precision",
    "boxes/recall",
    "boxes/map50",
    "phrases/precision",
    "phrases/coverage",
    "texts/precision",
    "texts/recall",
    "masks/iou",
    "words/place_recall",
    "words/cer",
    "words/f1",
]

_WHOLE = LengthRange(min_tokens=1, max_tokens=10**6)
_EVERY_TEXT = TextSettings(
    brief=_WHOLE,
    detailed=_WHOLE,
    more_detailed=_WHOLE,
    language=None,
    max_repeats=10**6,
    max_objects={},
    min_object_complexity=0,
    min_action_complexity=0,
)
_EVERY_BOX = RegionSettings(
    min_score=0.0, min_side=0.0, min_area=0.0, max_aspect_ratio=10.0**6, nms_iou=None, nms_iou_any_label=None
)
_EVERY_PHRASE = PhraseSettings(
    min_score=0.0, min_box_score=0.0, pronouns=False, abstract=False, max_box_area_share=1.0, min_box_side=0.0,
    nms_iou=None,
)  # fmt: skip


def unfiltered(plan: RoundPlan) -> RoundPlan:
    """The same round with every filter switched off."""
    filters = FilterSettings(
        parser=plan.filters.parser, text=_EVERY_TEXT, region=_EVERY_BOX, ocr=_EVERY_BOX, phrase=_EVERY_PHRASE
    )
    return replace(plan, filters=filters)


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


def measure(predicted: Sequence[Record], gold: Sequence[Record]) -> dict[str, Estimate]:
    """The measures of `stages.evaluate` for what there is any of, and of brief texts the share that is the gold text
    word for word: of those that are there (texts/precision), and of the gold ones (texts/recall)."""
    table = evaluate(predicted, gold, RESAMPLES, _areas(predicted))
    wanted = {record.key: text_of(record, "brief") for record in gold}
    said = {record.key: text for record in predicted if (text := text_of(record, "brief"))}
    if said:
        table["texts/precision"] = _exact([(text, wanted[key]) for key, text in said.items()])
        table["texts/recall"] = _exact([(said.get(key, ""), text) for key, text in wanted.items()])
    return table


def _areas(predicted: Sequence[Record]) -> list[str]:
    """What was annotated at all: a round without a grounder is not bad at phrases."""
    objects = [region for record in predicted for region in record.regions if region.kind == "object"]
    there = {
        "boxes": bool(objects),
        "masks": any(region.polygons for region in objects),
        "phrases": any(record.groundings for record in predicted),
        "words": any(region.kind == "text" for record in predicted for region in record.regions),
    }
    return [area for area, is_there in there.items() if is_there]


def _exact(pairs: Sequence[tuple[str, str]]) -> Estimate:
    return text_quality([said for said, _ in pairs], [truth for _, truth in pairs], RESAMPLES)["exact"]


def comparison(columns: Mapping[str, dict[str, Estimate]], shown: Sequence[str] = tuple(SHOWN)) -> Table:
    """One column of estimates per entry, one line per measure."""
    table = Table("measure", *columns, box=None, pad_edge=False)
    for name in shown:
        if any(name in column for column in columns.values()):
            table.add_row(name, *(_cell(column.get(name)) for column in columns.values()))
    return table


def _cell(found: Estimate | None) -> str:
    if found is None or found.count == 0:
        return "none"
    return f"{found.value:.2f} ({found.low:.2f} - {found.high:.2f})"
