"""People's corrections: an append-only column, one row each, that no model and no filter writes to.

    append_reviews(store, "000003", [Review("dog", "relabel", "region", text="dog", box=..., new_text="cat", ...)])
    read_reviews(store)          {"000003": [Review(...), ...]}, in the order in which they were written

    reviews/000003-20261126T101500123456-9f3c.parquet    what was written at once about images of shard 000003:

    key string                 the image            text string, box struct, granularity string
    action string              `Action`                            what it referred to, as it was then
    on string                  `AnnotationType`                 new_text string, new_box struct, new_quad list
    id string, round int32     of what it refers to,               what is to be there instead
                               as it was called then  who, when string     who said it, and when (ISO 8601, UTC)

Every append is a unit of its own, named by time, so that a person at the viewer waits for nobody who writes a round.
Ids change with every round: a correction finds its target by place and label (`stages/fuse/corrections.py`).
"""

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec
import pyarrow as pa

from shards import commit, table
from shards.commit import ImageCounts, Manifest
from shards.errors import DamageError
from shards.finding import Box, Quad
from shards.layout import REVIEWS, round_folder
from shards.record import AnnotationType
from shards.store import Store

Action = Literal["accept", "reject", "relabel", "move", "add", "text"]
_SIDES = ("x0", "y0", "x1", "y1")
SCHEMA = table.versioned(
    "reviews",
    1,
    [
        ("key", pa.string()),
        ("action", pa.string()),
        ("on", pa.string()),
        ("who", pa.string()),
        ("when", pa.string()),
        ("id", pa.string()),
        ("round", pa.int32()),
        ("text", pa.string()),
        ("box", table.BOX),
        ("granularity", pa.string()),
        ("new_text", pa.string()),
        ("new_box", table.BOX),
        ("new_quad", pa.list_(pa.float64())),
    ],
)


class Review(msgspec.Struct, frozen=True):
    """One correction.

    text, box, granularity: label, words or caption, and the place, of what it refers to; `box` is None for texts about
    the image and for the image itself. new_text: of relabel, text and add; new_box, new_quad: of move and add."""

    key: str
    action: Action
    on: AnnotationType
    who: str
    when: str
    id: str = ""
    round: int = 0
    text: str = ""
    box: Box | None = None
    granularity: str = ""
    new_text: str = ""
    new_box: Box | None = None
    new_quad: Quad | None = None

    @property
    def facts(self) -> tuple[object, ...]:
        """What it does: two reviews with equal facts are the same one, whoever said it and whenever."""
        return tuple(getattr(self, name) for name in self.__struct_fields__ if name not in ("who", "when"))

    @property
    def effect(self) -> tuple[object, ...]:
        """What it does to a record: its facts without the id and the round that it was seen in."""
        return tuple(
            getattr(self, name) for name in self.__struct_fields__ if name not in ("who", "when", "id", "round")
        )


Reviews = dict[str, list[Review]]
"""Image shard -> the corrections of its images, in the order in which they were made."""


def append_reviews(store: Store, shard: str, reviews: Sequence[Review]) -> Manifest:
    """Commit corrections of images of one shard. What is there already is not touched."""
    now = datetime.now(UTC)
    name = f"{shard}-{now:%Y%m%dT%H%M%S%f}-{secrets.token_hex(2)}"
    columns: dict[str, pa.Array] = {
        field.name: pa.array([getattr(each, field.name) for each in reviews], field.type)
        for field in SCHEMA
        if field.type != table.BOX
    }
    for box in ("box", "new_box"):
        columns[box] = table.tuples([getattr(each, box) for each in reviews], table.BOX)
    content = table.encode(pa.Table.from_arrays([columns[each] for each in SCHEMA.names], schema=SCHEMA))
    counts = ImageCounts(len(reviews), len(reviews))
    return commit.publish(store, REVIEWS, name, {f"{name}.parquet": content}, counts, "")


def read_reviews(store: Store, shard: str | None = None) -> Reviews:
    """All corrections, or those of one shard. Raises DamageError for a unit that is not as it was written: a correction
    is never left out silently."""
    found: Reviews = {}
    for name, _ in _units(store, shard):
        path = f"{REVIEWS}/{name}.parquet"
        rows = table.decode(store.read(path), SCHEMA, path).to_pylist()
        found.setdefault(shard_of(name), []).extend(map(_review, rows))
    return found


def count_reviews(store: Store) -> dict[str, int]:
    """Shard -> how many corrections there are; reads manifests only. Raises like `read_reviews`."""
    found: dict[str, int] = {}
    for name, manifest in _units(store, None):
        found[shard_of(name)] = found.get(shard_of(name), 0) + manifest.counts.read
    return found


def waiting_reviews(store: Store, number: int) -> int:
    """How many corrections a round does not know yet: they wait for its next `fld filter`. In every round, each has one
    row of type "review" in the index, and so in the tally of its shard."""
    counts = count_reviews(store)
    if not counts:
        return 0
    done = commit.committed(store, round_folder(number))
    tallies = {shard: done[shard].tally for shard in counts if shard in done}
    known = {shard: sum(tally.get("review", {}).values()) for shard, tally in tallies.items() if tally}
    return sum(max(0, count - known.get(shard, 0)) for shard, count in counts.items())


def shard_of(unit: str) -> str:
    """The image shard that a unit is about."""
    return unit.partition("-")[0]


def _units(store: Store, shard: str | None) -> list[tuple[str, Manifest]]:
    """Name and manifest of every unit, in the order in which they were written."""
    names = [name.removesuffix(".json") for name in store.names(f"{REVIEWS}/manifest") if name.endswith(".json")]
    found = []
    for name in names:
        if shard is None or shard_of(name) == shard:
            manifest = commit.find(store, REVIEWS, name)
            if manifest is None:
                raise DamageError(
                    f"{REVIEWS}/manifest/{name}.json is damaged: restore it from a copy; nothing else holds what people"
                    " corrected"
                )
            found.append((name, manifest))
    return found


def _review(row: dict[str, Any]) -> Review:
    for name in ("box", "new_box"):
        row[name] = None if row[name] is None else tuple(row[name][side] for side in _SIDES)
    row["new_quad"] = None if row["new_quad"] is None else tuple(row["new_quad"])
    return Review(**row)
