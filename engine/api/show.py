"""One image of a round: its record, what was dropped, its picture.

image = show("corpus", "photos/dog")
image.record.regions[0].text                  "a brown dog"
image.dropped[0]["rule"]                      "region.score"
image.picture(dropped=True)                   a PIL image, which a notebook shows
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from engine.api.reports import Location
from engine.config.config_text import ConfigError
from shards.completeness import check_round, check_whole
from shards.layout import round_folder
from shards.reader import Corpus, Round, Row
from shards.record import Record
from shards.rounds import OF_IMAGES

if TYPE_CHECKING:
    from PIL.Image import Image as Picture


@dataclass(frozen=True)
class ShowReport:
    """An image that a round kept. Its bytes and what was dropped are read when they are asked for."""

    record: Record
    _round: Round = field(repr=False)
    _row: Row = field(repr=False)

    @cached_property
    def dropped(self) -> list[Row]:
        """What the rules dropped of it: rows of the index, each with its rule, value and threshold."""
        return [each for each in self._round.rows_of(self._row) if not each["kept"] and each["type"] not in OF_IMAGES]

    def picture(self, *, groundings: bool = False, dropped: bool = False) -> "Picture":
        """The picture with boxes, quads, masks and labels drawn onto it; a tiny one is enlarged.

        groundings: also the boxes of grounded phrases, dotted; dropped: also those of what was dropped, dashed."""
        from engine.report.draw import draw_record
        from stages.ingest.decode import decode_image
        from stages.ingest.settings import DecodeLimits

        unlimited = DecodeLimits(max_pixels=2**40, max_bytes=2**40)  # ingest has judged it already
        image = decode_image(self._round.image_of(self._row), unlimited)
        return draw_record(image, self.record, groundings=groundings, dropped=self.dropped if dropped else [])


def show(corpus: Location, key: str, *, round: int = 0) -> ShowReport:
    """The image of this key in a round. Raises ConfigError that says why it is not there."""
    opened = Corpus(str(corpus))
    if round not in opened.rounds():
        raise ConfigError(f"{corpus} has no round {round}: it has {opened.rounds() or 'none'}; run `fld run` first")
    round_ = opened.round(round)
    row = _found(round_, key)
    return ShowReport(round_.record_of(row), round_, row)


def _found(round_: Round, key: str) -> Row:
    """The row of an image that the round kept."""
    try:
        row = round_.find(key)
    except KeyError:
        check_whole(round_.store)  # perhaps the image is only lost
        check_round(round_.store, round_folder(round_.number), round_.store.url)
        summary = round_.summary(round_.shards()[0])
        some = [] if summary is None else summary["key"].slice(0, 3).to_pylist()
        raise ConfigError(f"no image {key!r} in this round; keys look like {', '.join(map(repr, some))}") from None
    if row["status"] != "kept":
        raise ConfigError(f"image {key!r} is not in this round: {row['rule']} {row['reason']}".rstrip())
    return row
