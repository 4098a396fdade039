"""The paper's table 2 for a round: how many annotations of each type, and how long they are.

Comes in: records, one after the other. Goes out: one `Annotations` per type and kind of text:

    text                brief    200 texts of 8.1 words
    region-text         phrase   150 images with 812 regions, 5.4 per image, 1.2 words each
    text-phrase-region  brief    180 texts with 640 boxes, 3.6 per text, 2.0 words per phrase

Words are what stands between blanks. "phrase" is what an object is called, "brief" the text that was selected for it.
FLD-5B's own numbers are in `stages/describe/paper.py`.
"""

from typing import get_args

import msgspec

from shards.finding import Granularity
from shards.record import Record
from shards.summary import label_of

GRANULARITIES: tuple[str, ...] = get_args(Granularity)


class Annotations(msgspec.Struct, frozen=True):
    """One line of table 2. count: texts, or images that have regions; per: regions per image or text; tokens: words per
    text; regional_tokens: words per region. None: does not apply."""

    type: str
    kind: str
    count: int
    tokens: float | None = None
    regions: int | None = None
    per: float | None = None
    regional_tokens: float | None = None

    def scaled(self, times: float) -> "Annotations":
        """Of a sample, as if of all: how many there are grows, means stay."""
        regions = None if self.regions is None else round(self.regions * times)
        return msgspec.structs.replace(self, count=round(self.count * times), regions=regions)


class _Sum:
    """Of one line."""

    def __init__(self) -> None:
        self.count = self.words = self.regions = self.regional_words = 0


class AnnotationCounts:
    """Adds records up."""

    def __init__(self) -> None:
        self._texts = {size: _Sum() for size in GRANULARITIES}
        self._phrases = {size: _Sum() for size in GRANULARITIES}
        self._regions = {kind: _Sum() for kind in ("phrase", "brief", "ocr")}

    def add(self, record: Record) -> None:
        """One image."""
        sizes: dict[str, tuple[str, int]] = {}
        for text in record.texts:
            words = len(text.text.split())
            sizes[text.id] = (text.granularity, words)
            self._texts[text.granularity].count += 1
            self._texts[text.granularity].words += words
        objects = [region for region in record.regions if region.kind == "object"]
        self._add_regions("phrase", [label_of(region) for region in objects])
        self._add_regions("brief", [region.text for region in objects])
        self._add_regions("ocr", [region.text for region in record.regions if region.kind == "text"])
        for text_id in {grounding.text_id for grounding in record.groundings} & sizes.keys():
            size, words = sizes[text_id]
            self._phrases[size].count += 1
            self._phrases[size].words += words
        for grounding in record.groundings:
            if grounding.text_id in sizes:
                sum_ = self._phrases[sizes[grounding.text_id][0]]
                sum_.regions += len(grounding.boxes)
                sum_.regional_words += len(grounding.boxes) * len(grounding.phrase.split())

    def _add_regions(self, kind: str, texts: list[str]) -> None:
        sum_ = self._regions[kind]
        sum_.count += bool(texts)
        sum_.regions += len(texts)
        sum_.regional_words += sum(len(text.split()) for text in texts)

    def rows(self) -> list[Annotations]:
        """Table 2; kinds that there are none of have a count of 0."""
        return [
            *(
                Annotations("text", kind, each.count, mean(each.words, each.count))
                for kind, each in self._texts.items()
            ),
            *(_boxed("region-text", kind, each, None) for kind, each in self._regions.items()),
            *(
                _boxed("text-phrase-region", kind, each, mean(each.words, each.count))
                for kind, each in self._phrases.items()
            ),
        ]


def mean(total: float, count: int) -> float | None:
    """None of nothing."""
    return round(total / count, 4) if count else None


def _boxed(type_: str, kind: str, of: _Sum, tokens: float | None) -> Annotations:
    regional = mean(of.regional_words, of.regions)
    return Annotations(type_, kind, of.count, tokens, of.regions, mean(of.regions, of.count), regional)
