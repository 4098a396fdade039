"""The suspects of a round: which of its labels people should look at first.

    for row, record, found in suspected_images(round_, open_overview(store, 0)): ...

Only images that people labelled have any (`suspects.py`). The overview says which these are, so that of the others
nothing is read; a record is one small read, and no picture is.
"""

from collections.abc import Iterator

import numpy as np

from shards.errors import CorpusError
from shards.finding import GIVEN, REVIEWER
from shards.overview_table import OverviewTable
from shards.reader import Round
from shards.record import Record
from stages.review.suspects import Suspect, suspects


def labelled_rows(images: OverviewTable) -> list[int]:
    """Rows of the images in which the round kept something that people said."""
    annotators = images.lists("annotators")
    people = [number for number, name in enumerate(annotators.names) if name in (GIVEN, REVIEWER)]
    rows: list[int] = np.unique(annotators.rows[np.isin(annotators.codes, people)]).tolist()
    return rows


def suspected_images(
    round_: Round, images: OverviewTable, rows: list[int] | None = None
) -> Iterator[tuple[int, Record | None, list[Suspect]]]:
    """(row of the overview, its record, its suspects) of every image that people labelled, in the order of the corpus;
    no record where a shard is just being written again, or is damaged. rows: these alone."""
    for row in labelled_rows(images) if rows is None else rows:
        try:
            record = round_.record_of(images.place(row))
        except (CorpusError, FileNotFoundError):
            yield row, None, []
            continue
        yield row, record, suspects(record)
