"""The suspects of a round: which of its labels people should look at first.

    for row, record, found in suspected_images(round_, open_overview(store, 0)): ...

Only images that people labelled have any (`suspects.py`). The overview says which these are, so that of the others
nothing is read; a record is one small read, and no picture is.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from shards.errors import CorpusError
from shards.finding import GIVEN, REVIEWER
from shards.overview_table import OverviewTable
from shards.reader import Round, Row
from shards.record import Record
from stages.fuse.image import OVERRULED
from stages.review.suspects import Suspect, overruled, suspects


def labelled_rows(images: OverviewTable) -> list[int]:
    """Rows of the images in which the round kept something that people said, or overruled it."""
    kept = _rows_with(images, "annotators", (GIVEN, REVIEWER))
    return sorted(kept | _rows_with(images, "rules", (OVERRULED,)))


def suspected_images(
    round_: Round, images: OverviewTable, rows: list[int] | None = None
) -> Iterator[tuple[int, Record | None, list[Suspect]]]:
    """(row of the overview, its record, its suspects) of every image that people labelled, in the order of the corpus;
    no record where a shard is just being written again, or is damaged. rows: these alone."""
    with_overruled = _rows_with(images, "rules", (OVERRULED,))
    for row in labelled_rows(images) if rows is None else rows:
        try:
            record, suspected = suspects_of(round_, images.place(row), with_overruled=row in with_overruled)
        except (CorpusError, FileNotFoundError):
            yield row, None, []
            continue
        yield row, record, suspected


def suspects_of(round_: Round, place: Row, *, with_overruled: bool) -> tuple[Record | None, list[Suspect]]:
    """The record of an image and its suspects; with_overruled: also those that are in the index alone. An image without
    a record has none. Raises CorpusError where its shard is damaged."""
    if place["status"] != "kept":
        return None, []
    record = round_.record_of(place)
    return record, [*suspects(record), *(overruled(round_.rows_of(place)) if with_overruled else [])]


def _rows_with(images: OverviewTable, column: str, names: Sequence[str]) -> set[int]:
    """Rows of the images that have one of these names in a column of lists."""
    lists = images.lists(column)
    wanted = [number for number, name in enumerate(lists.names) if name in names]
    return set(np.unique(lists.rows[np.isin(lists.codes, wanted)]).tolist())
