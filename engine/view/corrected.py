"""What people corrected about one image, as its page shows it: what is in force, and what waits for `fld filter`.

    Corrected(entries=[CorrectionEntry(Review("dog", "move", ...), "waits"), ...], reviewed={"r2": "move"},
              rewritten={}, shapes=[Shape("w0", "waiting", "dog", ...)])

Comes in: the corrections of an image in their order, and its rows of type "review" in the index: one per correction
that the round knows, in the same order. Those beyond them wait.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from engine.view.layers import Shape, waiting_shape
from shards.reader import Row
from shards.reviews import Review
from stages.fuse.corrections import Corrections

WAITS, IN_FORCE = "waits", "in force"


@dataclass(frozen=True)
class CorrectionEntry:
    """One correction. outcome: "waits", "in force", or the rule that says why it is not."""

    review: Review
    outcome: str


@dataclass(frozen=True)
class Corrected:
    """entries: the last one first. reviewed: id in this round -> the last thing that waits to be done to it.
    rewritten: id of a text or a region -> what it waits to say. shapes: what waits to be drawn."""

    entries: list[CorrectionEntry]
    reviewed: dict[str, str]
    rewritten: dict[str, str]
    shapes: list[Shape]

    @property
    def waiting(self) -> int:
        """How many wait."""
        return sum(entry.outcome == WAITS for entry in self.entries)


def corrected(reviews: Sequence[Review], rows: Sequence[Row], number: int) -> Corrected:
    """reviews: of one image; rows: of the index, about it; number: of the round, whose ids are shown."""
    known = [row for row in rows if row["type"] == "review"]
    outcomes = [IN_FORCE if row["kept"] else row["rule"] for row in known]
    waiting = reviews[len(known) :]
    outcomes += [WAITS] * len(waiting)
    entries = [CorrectionEntry(*pair) for pair in zip(reviews, outcomes, strict=False)]
    seen = [review for review in waiting if review.id and review.round == number]
    return Corrected(
        entries[::-1],
        {review.id: review.action for review in seen},
        {review.id: review.new_text for review in seen if review.action in ("text", "relabel")},
        _shapes(waiting),
    )


def _shapes(waiting: Sequence[Review]) -> list[Shape]:
    """Added and moved boxes; what only gets another name is drawn already."""
    return [
        waiting_shape(f"w{number}", correction.on, correction.new_text, correction.new_box, correction.new_quad)
        for number, correction in enumerate(Corrections(waiting).all)
        if correction.new_box is not None
        and not correction.is_rejected
        and (correction.is_added or correction.is_moved)
    ]
