"""A round in numbers: what `fld stats` prints and `fld report` draws.

    describe(Corpus("pets").round(0), parser.parse)  ->  RoundStatistics(round=0, images=1200, annotations=[...], ...)

Records are read shard by shard; memory grows with the number of different labels, not with the corpus. Of a round with
more than `DESCRIBED` images only so many are read, those that come first by the hash of their key, and of them no
picture: numbers of annotations and boxes are then scaled up, and `described` says of how many images they are. Images
without any text, object, word or phrase are counted in the summary of all. Texts are parsed of at most `PARSED` images,
chosen in the same way: a parser reads some hundred texts a second.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from filters.elements import mean_elements
from filters.features import TextFeatures
from shards.lookup import key_hash
from shards.overview_table import OverviewTable, open_overview
from shards.reader import Round
from shards.record import Record
from stages.describe.agreement import Agreement, AgreementCounts
from stages.describe.annotations import GRANULARITIES, AnnotationCounts, Annotations
from stages.describe.boxes import BoxCounts, BoxStatistics

DESCRIBED = 20_000
"""Images whose records are read: some ten seconds of CPU."""
PARSED = 2000
"""Images whose texts are parsed."""
EMPTY = ("texts", "objects", "words", "phrases")
ReadFeatures = Callable[[list[str]], Sequence[TextFeatures]]


class RoundStatistics(msgspec.Struct, frozen=True):
    """images: kept; dropped, failed: the others; described: how many of the kept ones were read. annotations: table 2.
    elements: granularity -> table 3, with how many texts were parsed. boxes: "region-text" and "text-phrase-region",
    figure 5. empty: kept images without any "texts", "objects", "words", "phrases"."""

    round: int
    images: int
    dropped: int
    failed: int
    annotations: list[Annotations]
    elements: dict[str, dict[str, float]]
    boxes: dict[str, BoxStatistics]
    empty: dict[str, int]
    agreement: Agreement
    described: int


def describe(round_: Round, read: ReadFeatures, most: int = DESCRIBED) -> RoundStatistics:
    """The statistics of a round. read: the features of texts, as `filters.parser` finds them; most: images whose
    records are read."""
    counts = [manifest.counts for manifest in round_.manifests.values()]
    kept = sum(each.kept for each in counts)
    sums = _Sums(PARSED / max(kept, 1))
    for record in _records(round_, kept, most):
        sums.add(record)
    times = kept / max(sums.described, 1)
    return RoundStatistics(
        round_.number,
        kept,
        sum(each.dropped for each in counts),
        sum(each.failed for each in counts),
        [each.scaled(times) for each in sums.annotations.rows()],
        {size: mean_elements(read(texts))._asdict() for size, texts in sums.texts.items() if texts},
        {"region-text": sums.regions.total().scaled(times), "text-phrase-region": sums.phrases.total().scaled(times)},
        dict(sums.empty) if times == 1 else _empty(round_),
        sums.agreement.total(),
        sums.described,
    )


def _records(round_: Round, kept: int, most: int) -> Iterator[Record]:
    """All records, or those of `most` images: the first by the hash of their key, in the order of the corpus."""
    if kept <= most:
        for shard in round_.shards():
            yield from round_.records(shard)
        return
    images = open_overview(round_.store, round_.number)
    rows = _kept_rows(images)
    order = images.numbers("shuffle")[rows].argsort(kind="stable")[:most]
    for row in sorted(rows[order].tolist()):
        yield round_.record_of(images.place(row))


def _empty(round_: Round) -> dict[str, int]:
    images = open_overview(round_.store, round_.number)
    rows = _kept_rows(images)
    return {name: int((images.numbers(name)[rows] == 0).sum()) for name in EMPTY}


def _kept_rows(images: OverviewTable) -> NDArray[np.intp]:
    status = images.words("status")
    wanted = status.names.index("kept") if "kept" in status.names else -1
    return np.flatnonzero(status.codes == wanted)


class _Sums:
    """Everything that is added up over the records. share: of images whose texts are kept to be parsed."""

    def __init__(self, share: float) -> None:
        self._most = share * 2**64
        self.annotations = AnnotationCounts()
        self.agreement = AgreementCounts()
        self.regions, self.phrases = BoxCounts(), BoxCounts()
        self.texts: dict[str, list[str]] = {size: [] for size in GRANULARITIES}
        self.empty = Counter(dict.fromkeys(EMPTY, 0))
        self.described = 0

    def add(self, record: Record) -> None:
        self.described += 1
        self.annotations.add(record)
        self.agreement.add(record)
        self.regions.add([region.box for region in record.regions], record.width, record.height)
        places = [box.box for grounding in record.groundings for box in grounding.boxes]
        self.phrases.add(places, record.width, record.height)
        if key_hash(record.key) < self._most:
            for text in record.texts:
                self.texts[text.granularity].append(text.text)
        kinds = {region.kind for region in record.regions}
        self.empty["texts"] += not record.texts
        self.empty["objects"] += "object" not in kinds
        self.empty["words"] += "text" not in kinds
        self.empty["phrases"] += not record.groundings
