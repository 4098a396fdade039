"""All measures of a set of records against gold, as one flat table."""

from collections.abc import Callable, Iterable, Sequence

from shards.record import Record
from stages.evaluate.bootstrap import Estimate
from stages.evaluate.boxes import box_quality
from stages.evaluate.captions import caption_quality
from stages.evaluate.masks import mask_quality
from stages.evaluate.phrases import phrase_quality
from stages.evaluate.regions import region_quality
from stages.evaluate.words import word_quality

Area = Callable[[Sequence[tuple[Record, Record]], int], dict[str, Estimate]]
AREAS: dict[str, Area] = {
    "boxes": box_quality,
    "regions": region_quality,
    "masks": mask_quality,
    "captions": caption_quality,
    "phrases": phrase_quality,
    "words": word_quality,
}


def measure_records(
    predicted: Iterable[Record], gold: Sequence[Record], resamples: int = 200, areas: Sequence[str] = tuple(AREAS)
) -> dict[str, Estimate]:
    """{"boxes/map50": Estimate, ...} over all gold images; a gold image without a prediction counts as an empty one.

    Raises ValueError for no gold at all, for a key that is there twice, and for a predicted key that gold lacks.
    """
    if not gold:
        raise ValueError("gold must hold at least one record, got none")
    by_key = _by_key("predicted", predicted)
    truth = _by_key("gold", gold)
    if unknown := sorted(by_key.keys() - truth.keys()):
        raise ValueError(
            f"predicted records must have gold: {len(unknown)} have none, such as {unknown[0]!r};"
            " compare with the gold of the same pictures"
        )
    pairs = [(by_key.get(key) or _empty(record), record) for key, record in truth.items()]
    return {f"{area}/{name}": value for area in areas for name, value in AREAS[area](pairs, resamples).items()}


def _by_key(name: str, records: Iterable[Record]) -> dict[str, Record]:
    by_key: dict[str, Record] = {}
    for record in records:
        if record.key in by_key:
            raise ValueError(f"{name} must hold every key once, got {record.key!r} twice")
        by_key[record.key] = record
    return by_key


def _empty(gold: Record) -> Record:
    return Record(gold.key, gold.uri, gold.sha256, gold.width, gold.height, gold.round)


def markdown(table: dict[str, Estimate]) -> str:
    """One row per measure: value, interval and count."""
    lines = ["| measure | value | 95% interval | of |", "| --- | ---: | :---: | ---: |"]
    for name, value in table.items():
        lines.append(f"| {name} | {value.value:.3f} | {value.low:.3f} - {value.high:.3f} | {value.count} |")
    return "\n".join(lines) + "\n"
