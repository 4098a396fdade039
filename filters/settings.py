"""All thresholds of the filters in one place: `filters` in the config file.

The rules are those of Florence-2's data engine (section 4.2 "Data filtering and enhancement") and, where a rule's
description says so, ours. The paper names the rules but not its thresholds: the defaults here were chosen on
generated scenes and caption sets and are meant to be changed; `fld filter --dry-run` prints what a change would do.
"""

from typing import Annotated

from pydantic import Field

from filters.custom import CustomFilter, custom_facts
from filters.parser import ParserSettings
from filters.phrase import PhraseSettings
from filters.region import OcrSettings, RegionSettings
from filters.text import TextSettings
from shards.settings import Off, Settings


class FilterSettings(Settings):
    """Everything that decides whether an annotation is kept."""

    parser: ParserSettings = Field(ParserSettings(), description="the spaCy pipeline that reads the texts")
    text: TextSettings = Field(TextSettings(), description="texts about the whole image")
    region: RegionSettings = Field(RegionSettings(), description="boxes of objects")
    ocr: OcrSettings = Field(OcrSettings(), description="boxes of text: lines are long and flat")
    phrase: PhraseSettings = Field(PhraseSettings(), description="noun phrases tied to boxes")
    custom: Annotated[list[CustomFilter], Off([])] = Field(
        [], description="filters of your own, applied last and in this order (docs/filters.md); []: none"
    )

    def facts(self) -> dict[str, object]:
        """All that decides, for fingerprints; of your own filters only where there are any."""
        own = {"custom": custom_facts(self.custom)} if self.custom else {}
        return self.model_dump(mode="json", exclude={"custom"}) | own
