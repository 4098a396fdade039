"""What the templates show, gathered: a page of the grid, one facet, one image.

Every function takes what was asked and the open rounds, and returns plain values; nothing here knows of HTTP.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from engine.report import drops
from engine.view import diff, layers, texts
from engine.view.board import DROPPED, Bar
from engine.view.corrected import Corrected, corrected
from engine.view.effects import Slider
from engine.view.layers import Shape
from engine.view.query import FACETS, PAGE_SIZE, RANGES, Query
from engine.view.rounds import Looker
from shards.errors import CorpusError
from shards.overview_table import PLACE, OverviewTable
from shards.reader import Row
from shards.record import Record

FEW_VALUES = 12
MANY_VALUES = 300
_SHAPES_ON_A_CARD = 60
_NAMES_OFFERED = 500
_COUNTED = ("objects", "words", "phrases", "width", "height", *DROPPED)
_ON_A_CARD = ("reason", "rule", "caption", "score_min", *_COUNTED)


@dataclass(frozen=True)
class Card:
    """One image of the grid. at: its place among all that match; row: its place in the round. mark: what the last
    correction did, "" without one."""

    at: int
    row: int
    key: str
    status: str
    reason: str
    caption: str
    objects: int
    words: int
    phrases: int
    drops: int
    score: float | None
    width: int
    height: int
    shapes: list[Shape]
    mark: str = ""


@dataclass(frozen=True)
class Grid:
    """A page of the grid. found: images that match; of: images of the round."""

    cards: list[Card]
    found: int
    of: int
    page: int
    pages: int


@dataclass(frozen=True)
class Value:
    """One value of a facet, and the query with it switched. share: of the most frequent value."""

    name: str
    count: int
    share: float
    chosen: bool
    query: Query


@dataclass(frozen=True)
class Facet:
    """The values of a facet. more: how many are not shown."""

    name: str
    title: str
    values: list[Value]
    more: int


@dataclass(frozen=True)
class Histogram:
    """The bars of a range, with the query that each bar sets."""

    name: str
    title: str
    bars: list[tuple[Bar, Query, bool]]


@dataclass(frozen=True)
class ImagePage:
    """All of one image. at, found: its place among the images that match, if it came from there."""

    row: Row
    record: Record | None
    shapes: list[Shape]
    written: list[texts.Written]
    dropped: list[drops.Dropped]
    sliders: list[Slider]
    annotators: list[str]
    letter: float
    position: int
    number: int
    corrected: Corrected


def grid(looker: Looker, query: Query) -> Grid:
    """The page that the query asks for, the last one if it asks for a later one."""
    board = looker.board(query.round)
    selected = board.select(query)
    pages = max(1, -(-len(selected) // PAGE_SIZE))
    page = min(query.page, pages - 1)
    first = page * PAGE_SIZE
    rows = selected[first : first + PAGE_SIZE].tolist()
    places = board.images.cells(rows, (*PLACE, *_ON_A_CARD))
    marks = looker.marks({place["shard"] for place in places})
    cards = [
        _card(looker, query.round, row, first + at, place, marks.get(place["key"], ""))
        for at, (row, place) in enumerate(zip(rows, places, strict=True))
    ]
    return Grid(cards, len(selected), len(board.images), page, pages)


def facet(looker: Looker, query: Query, name: str, most: int = FEW_VALUES) -> Facet:
    """One facet, its most frequent values and those that are chosen."""
    counts = looker.board(query.round).counts(query, name)
    chosen = query.chosen.get(name, ())
    shown = [*counts[:most], *(value for value in counts[most:] if value[0] in chosen)]
    highest = max((count for _, count in counts), default=1) or 1
    values = [
        Value(value, count, count / highest, value in chosen, query.toggled(name, value)) for value, count in shown
    ]
    return Facet(name, FACETS[name], values, len(counts) - len(shown))


def histogram(looker: Looker, query: Query, name: str) -> Histogram:
    """One histogram, with the bars that are chosen marked."""
    low, high = query.ranges.get(name, (0.0, 0.0))
    is_set = name in query.ranges
    bars = [
        (bar, query.ranged(name, bar.low, bar.high), is_set and low <= bar.low and bar.high <= high)
        for bar in looker.board(query.round).histogram(query, name)
    ]
    return Histogram(name, RANGES[name], bars)


def image(looker: Looker, number: int, key: str) -> ImagePage:
    """One image of a round. Raises KeyError if the round has none of this key."""
    round_ = looker.round(number)
    row = round_.find(key)
    rows = round_.rows_of(row)
    record = round_.record_of(row) if row["status"] == "kept" else None
    state = corrected([review for review in looker.reviews(row["shard"]) if review.key == key], rows, number)
    shapes = [] if record is None else layers.shapes(record, rows, looker.readers)
    return ImagePage(
        row=row,
        record=record,
        shapes=[*shapes, *state.shapes],
        written=[] if record is None else texts.written(record),
        dropped=drops.by_rule(rows),
        sliders=[] if record is None else looker.effects(number).sliders(row["shard"]),
        annotators=[] if record is None else layers.voters_of(record),
        letter=0 if record is None else layers.label_size(record),
        position=_position(looker.images(number), key),
        number=number,
        corrected=state,
    )


def labels(looker: Looker, page: ImagePage, of_corpus: bool) -> list[str]:
    """What a new box may be called: the names in the image, then those of the corpus if `of_corpus`."""
    own = dict.fromkeys(shape.name for shape in page.shapes if shape.layer == "object")
    return list(own | dict.fromkeys(all_labels(looker, page.number) if of_corpus else []))


def all_labels(looker: Looker, number: int) -> list[str]:
    """The first few hundred names of objects in a round."""
    return looker.images(number).lists("labels").names[:_NAMES_OFFERED]


def difference(looker: Looker, before: int, after: int, key: str) -> tuple[diff.Diff, list[Shape], Record] | None:
    """What changed in an image between two rounds, and the shapes to draw; None where one of them has no record."""
    try:
        old, new = (looker.round(number).record(key) for number in (before, after))
    except KeyError:
        return None
    changes = diff.compare(old, new)
    return changes, [layers.region_shape(change.region) for change in changes.regions], new


def neighbours(looker: Looker, query: Query, at: int) -> dict[str, tuple[int, str]]:
    """ "previous" and "next": place and key of the images beside this one, as far as there are any."""
    board = looker.board(query.round)
    selected, keys = board.select(query), board.images.text("key")
    places = {"previous": at - 1, "next": at + 1}
    return {
        name: (place, keys[int(selected[place])].as_py())
        for name, place in places.items()
        if 0 <= place < len(selected)
    }


def _card(looker: Looker, number: int, row: int, at: int, place: Row, mark: str) -> Card:
    round_ = looker.round(number)
    shapes: Sequence[Shape] = []
    if place["status"] == "kept":
        # A shard that is being written again, or is damaged, costs its own cards their boxes, not the page.
        with suppress(CorpusError, FileNotFoundError):
            regions = round_.record_of(place).regions[:_SHAPES_ON_A_CARD]
            shapes = [layers.region_shape(region) for region in regions]
    return Card(
        at=at,
        row=row,
        key=place["key"],
        status=place["status"],
        reason=place["reason"] or place["rule"] or "",
        caption=place["caption"] or "",
        objects=place["objects"] or 0,
        words=place["words"] or 0,
        phrases=place["phrases"] or 0,
        drops=sum(place[name] or 0 for name in DROPPED),
        score=place["score_min"],
        width=place["width"] or 0,
        height=place["height"] or 0,
        shapes=list(shapes),
        mark=mark,
    )


def _position(images: OverviewTable, key: str) -> int:
    import pyarrow.compute as pc

    return int(pc.index(images.text("key"), key).as_py())
