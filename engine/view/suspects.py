"""A page of suspects: labels of people that models speak against, each in a cut of its picture, the worst first.

?round=0                              as `fld review --suspects` has them
?round=0&order=doubts&kind=swapped    those that help the round most, of one kind
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from engine.view.layers import hue
from engine.view.query import PAGE_SIZE, natural
from engine.view.rounds import Looker
from engine.view.worst import ORDERS, Found
from shards.errors import CorpusError
from shards.finding import Box
from shards.geometry import iou
from shards.record import Record
from stages.review.suspected import suspects_of
from stages.review.suspects import Suspect, rivals

KINDS = {
    "swapped": "another label",
    "located": "another place",
    "overlooked": "nobody labelled it",
    "unseen": "no model sees it",
    "overruled": "overruled by the consensus",
}
_AROUND = 0.5
"""How much of a picture is shown around a box, of the length of its sides."""
_SAME = 0.9
"""IoU: the index keeps boxes in single precision."""
_LEAST_SIDE = 48.0
"""Px of the picture that a cut shows at least."""


@dataclass(frozen=True)
class SuspectQuery:
    """What the address asks for; page from 0."""

    round: int
    order: str = "suspects"
    kind: str = ""
    page: int = 0

    def url(self) -> str:
        """As it stands after the "?"."""
        pairs = [("round", str(self.round))]
        pairs += [("order", self.order)] if self.order != "suspects" else []
        pairs += [("kind", self.kind)] if self.kind else []
        pairs += [("page", str(self.page))] if self.page else []
        return urlencode(pairs)

    def at(self, page: int) -> "SuspectQuery":
        """Another page."""
        return replace(self, page=page)

    def ordered(self, order: str) -> "SuspectQuery":
        """In another order, from the first page."""
        return replace(self, order=order, page=0)

    def of(self, kind: str) -> "SuspectQuery":
        """Of another kind, from the first page."""
        return replace(self, kind=kind, page=0)


@dataclass(frozen=True)
class SuspectCard:
    """One suspect. target: of a correction, as JSON. view: the part of the picture that is shown, x y width height in
    px; outline, others: of the label, and of what models say instead; offer: the name that they have for it; done: what
    was corrected already."""

    row: int
    key: str
    target: str
    kind: str
    label: str
    why: str
    offer: str
    value: float
    hue: int
    view: tuple[int, int, int, int]
    outline: Box
    others: list[Box]
    done: str


@dataclass(frozen=True)
class SuspectPage:
    """looked, labelled: how many images of how many were looked at so far."""

    cards: list[SuspectCard]
    total: int
    counts: Mapping[str, int]
    looked: int
    labelled: int
    page: int
    pages: int


def read_suspect_query(asked: Mapping[str, str], number: int) -> SuspectQuery:
    """The query in the parameters of an address; what it does not know, it leaves out."""
    return SuspectQuery(
        number,
        asked.get("order", "") if asked.get("order") in ORDERS else "suspects",
        asked.get("kind", "") if asked.get("kind") in KINDS else "",
        natural(asked.get("page", ""), 0),
    )


def suspect_page(looker: Looker, query: SuspectQuery) -> SuspectPage:
    """The page that is asked for, of what was looked at so far."""
    worst = looker.worst(query.round)
    worst.start()
    looked, labelled = worst.progress
    chosen = worst.first(query.order, query.kind, query.page * PAGE_SIZE, PAGE_SIZE)
    cards = []
    for suspect in chosen.found:
        with suppress(CorpusError, FileNotFoundError):  # a shard that is just being written again
            cards.append(_card(looker, query, suspect))
    return SuspectPage(
        cards, chosen.total, chosen.counts, looked, labelled, query.page, max(1, -(-chosen.total // PAGE_SIZE))
    )


def _card(looker: Looker, query: SuspectQuery, found: Found) -> SuspectCard:
    place, round_ = looker.images(query.round).place(found.row), looker.round(query.round)
    record, suspects = suspects_of(round_, place, with_overruled=found.kind == "overruled")
    suspect = next((each for each in suspects if each.id == found.id), None)
    if record is None or suspect is None:
        raise CorpusError(f"round {query.round} was just written again")
    others = rivals(record, suspect)
    offer = next((rival.label for rival in others if rival.label != suspect.label), "")
    value = found.score if query.order == "suspects" else found.doubt
    why = f"models say {offer} {others[0].score:.2f}" if offer else KINDS[found.kind]
    if found.kind == "overruled":
        now = f", now {others[0].label} {others[0].score:.2f}" if others else ""
        why = f"overruled, {1 - found.score:.2f} probable{now}"
    shown = [suspect.box, *(rival.box for rival in others[:1])]
    target = {"label": suspect.label, "box": suspect.box} if found.kind == "overruled" else suspect.id
    return SuspectCard(
        found.row, record.key, json.dumps(target), found.kind, suspect.label or "(no label)", why, offer, value,
        hue(suspect.label), cut_around(shown, record), suspect.box, [rival.box for rival in others[:1]],
        _done(looker, place["shard"], record.key, query.round, suspect),
    )  # fmt: skip


def _done(looker: Looker, shard: str, key: str, number: int, suspect: Suspect) -> str:
    """What was corrected last of a suspect. An overruled label has no id: what it says and where names it."""
    mine = [review for review in looker.reviews(shard) if review.key == key and review.round == number]
    actions = [
        review.action
        for review in mine
        if review.id == suspect.id
        or (not review.id and review.text == suspect.label and review.box and iou(review.box, suspect.box) > _SAME)
    ]
    return actions[-1] if actions else ""


def cut_around(boxes: list[Box], record: Record) -> tuple[int, int, int, int]:
    """x y width height of the part of a picture to show: all boxes and what is around them, as wide as a card."""
    x0, y0 = min(box[0] for box in boxes), min(box[1] for box in boxes)
    x1, y1 = max(box[2] for box in boxes), max(box[3] for box in boxes)
    wide, tall = (max(_LEAST_SIDE, side * (1 + 2 * _AROUND)) for side in (x1 - x0, y1 - y0))
    wide, tall = max(wide, tall * 4 / 3), max(tall, wide * 3 / 4)
    wide, tall = min(wide, record.width), min(tall, record.height)
    left = min(max(0.0, (x0 + x1 - wide) / 2), record.width - wide)
    top = min(max(0.0, (y0 + y1 - tall) / 2), record.height - tall)
    return round(left), round(top), max(1, round(wide)), max(1, round(tall))
