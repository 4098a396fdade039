"""Corrections by people, as Python: from a file of lines, from Label Studio or CVAT.

    review("corpus", "corrections.jsonl")                   ReviewReport(read=12, new=12, known=0, waiting=12)
    filter("corpus")                                        and they are in the record

Comes in: a file. Goes out: rows of `reviews/` (`shards/reviews.py`). The corpus is not locked: a round that is being
written meanwhile takes them in the next time.
"""

import getpass
import heapq
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from engine.api.reports import Location
from engine.config.config_text import ConfigError
from shards.overview_table import open_overview
from shards.reader import Corpus
from shards.reviews import waiting_reviews
from shards.store import open_corpus
from stages.review.lines import LineError, Made
from stages.review.suspected import suspected_images
from stages.review.take_in import read_file, take_in

MISTAKES_SHOWN = 20


class Suspected(NamedTuple):
    """A label that is probably wrong: of which image, which region, why (`stages/review/suspects.py`), how sure."""

    key: str
    id: str
    label: str
    why: str
    score: float


@dataclass(frozen=True)
class ReviewReport:
    """Corrections that were read, of them new ones, and those that change nothing. waiting: how many the round does not
    know yet; `fld filter` applies them. repeated: of those that change nothing, lines that were taken in before and
    whose id is that of another thing now, or of none."""

    read: int
    new: int
    known: int
    round: int
    waiting: int
    repeated: int = 0


def review(
    corpus: Location,
    corrections: Location,
    *,
    round: int | None = None,
    who: str | None = None,
    accept_rest: bool = False,
) -> ReviewReport:
    """Take in corrections. round: which one they were made on where the file does not say; default: the last. who: the
    same for the person; default: the user. accept_rest: of Label Studio and CVAT, also accept what was left as it was.

    Raises LineError with a line per mistake, and then nothing is written."""
    store = open_corpus(str(corpus))
    rounds = Corpus(store).rounds()
    if not rounds or (round is not None and round not in rounds):
        raise ConfigError(f"{corpus} has no round {'yet' if round is None else round}: it has {rounds or 'none'}")
    number = rounds[-1] if round is None else round
    made = Made(who or getpass.getuser(), now(), number)
    taken = take_in(
        store, read_file(str(corrections), Path(corrections).read_bytes()), made, accept_rest, may_repeat=True
    )
    if taken.mistakes:
        more = len(taken.mistakes) - MISTAKES_SHOWN
        lines = taken.mistakes[:MISTAKES_SHOWN] + ([f"... and {more} more"] if more > 0 else [])
        listed = "".join(f"\n  {line}" for line in lines)
        raise LineError(f"{corrections}: nothing was taken in, {len(taken.mistakes)} to mend:{listed}")
    return ReviewReport(taken.read, taken.new, taken.known, number, waiting_reviews(store, number), taken.repeated)


def suspected(corpus: Location, *, round: int | None = None, count: int = 100) -> list[Suspected]:
    """The labels that a person should look at first; reads the records of the images that people labelled."""
    opened = Corpus(str(corpus))
    rounds = opened.rounds()
    if not rounds:
        raise ConfigError(f"{corpus} has no round yet: `fld run IMAGES {corpus}` writes one")
    number = rounds[-1] if round is None else round
    round_ = opened.round(number)
    every = (
        Suspected(record.key, suspect.id, suspect.label, suspect.kind, suspect.score)
        for _, record, suspects in suspected_images(round_, open_overview(opened.store, number))
        if record is not None
        for suspect in suspects
    )
    return heapq.nsmallest(count, every, key=lambda suspect: (-suspect.score, suspect.key, suspect.id))


def now() -> str:
    """The time, to the second, in UTC."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
