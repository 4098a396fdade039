"""A round in numbers: what `fld stats` prints and `fld report` draws.

    describe(Corpus("pets").round(0), parser.parse)  ->  RoundStatistics(round=0, images=1200, annotations=[...], ...)

Records are read shard by shard; memory grows with the number of different labels, not with the corpus. Texts are parsed
of at most `PARSED` images, those that come first by the hash of their key: a parser reads some hundred texts a second.
"""

from collections import Counter
from collections.abc import Callable, Sequence

import msgspec

from filters.elements import mean_elements
from filters.features import TextFeatures
from shards.lookup import key_hash
from shards.reader import Round
from shards.record import Record
from stages.describe.agreement import Agreement, AgreementCounts
from stages.describe.annotations import GRANULARITIES, AnnotationCounts, Annotations
from stages.describe.boxes import BoxCounts, BoxStatistics

PARSED = 2000
"""Images whose texts are parsed."""
ReadFeatures = Callable[[list[str]], Sequence[TextFeatures]]


class RoundStatistics(msgspec.Struct, frozen=True):
    """images: kept; dropped, failed: the others. annotations: table 2. elements: granularity -> table 3, with how many
    texts were parsed. boxes: "region-text" and "text-phrase-region", figure 5. empty: kept images without any
    "texts", "objects", "words", "phrases"."""

    round: int
    images: int
    dropped: int
    failed: int
    annotations: list[Annotations]
    elements: dict[str, dict[str, float]]
    boxes: dict[str, BoxStatistics]
    empty: dict[str, int]
    agreement: Agreement


def describe(round_: Round, read: ReadFeatures) -> RoundStatistics:
    """The statistics of a round. read: the features of texts, as `filters.parser` finds them."""
    counts = [manifest.counts for manifest in round_.manifests.values()]
    kept = sum(each.kept for each in counts)
    sums = _Sums(PARSED / max(kept, 1))
    for shard in round_.shards():
        for record in round_.records(shard):
            sums.add(record)
    return RoundStatistics(
        round_.number,
        kept,
        sum(each.dropped for each in counts),
        sum(each.failed for each in counts),
        sums.annotations.rows(),
        {size: mean_elements(read(texts))._asdict() for size, texts in sums.texts.items() if texts},
        {"region-text": sums.regions.total(), "text-phrase-region": sums.phrases.total()},
        dict(sums.empty),
        sums.agreement.total(),
    )


class _Sums:
    """Everything that is added up over the records. share: of images whose texts are kept to be parsed."""

    def __init__(self, share: float) -> None:
        self._most = share * 2**64
        self.annotations = AnnotationCounts()
        self.agreement = AgreementCounts()
        self.regions, self.phrases = BoxCounts(), BoxCounts()
        self.texts: dict[str, list[str]] = {size: [] for size in GRANULARITIES}
        self.empty = Counter(dict.fromkeys(("texts", "objects", "words", "phrases"), 0))

    def add(self, record: Record) -> None:
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
