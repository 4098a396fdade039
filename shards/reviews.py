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
`merge_reviews` gathers many small ones into one, which names them in its manifest (`"fingerprint": "merged from ..."`):
until they are removed they do not count a second time, wherever a process was killed. No row is changed or lost.

Ids change with every round: a correction finds its target by place and label (`stages/fuse/corrections.py`).
"""

import re
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
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
MOST_UNITS = 16
"""Of a shard, before `fld filter` makes one of them: at the viewer each click is one."""
_MERGED = "merged from "
_ATTEMPTS = 3
_UNIT = re.compile(r"\d{6}-(\d{8}T\d{12})-(m?)[0-9a-f]+")
_APPENDING = timedelta(minutes=1)
"""A file that is this old has its manifest, or never gets one."""
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
    return _publish(store, name, reviews, "")


def adopt_reviews(store: Store) -> None:
    """Give units that lost their manifest, or whose writer was killed before it, a manifest again: their files are
    whole. Only for the holder of the corpus lock."""
    for name in orphans(store):
        _publish(store, name, read_unit(store, name), "")


def orphans(store: Store, now: datetime | None = None) -> list[str]:
    """Units without a manifest, longer than an append takes; not what was merged already, nor a merge whose rows are
    all in others."""
    files = {name.removesuffix(".parquet") for name in store.names(REVIEWS) if name.endswith(".parquet")}
    if not (lost := files - {*unit_names(store)}):
        return []
    known = commit.some(store, REVIEWS, unit_names(store))
    latest = f"{(now or datetime.now(UTC)) - _APPENDING:%Y%m%dT%H%M%S%f}"
    named = {name: match for name in sorted(lost - over(known)) if (match := _UNIT.fullmatch(name))}
    late = [name for name, match in named.items() if match[1] < latest]
    plain = [name for name in late if not named[name][2]]
    if len(plain) < len(late):
        rows = [row for name in [*known, *plain] for row in read_unit(store, name)]
        late = [name for name in late if name in plain or any(r not in rows for r in read_unit(store, name))]
    return late


def merge_reviews(store: Store, most: int = MOST_UNITS) -> int:
    """Gather the units of every shard that has more than `most` into one, row by row as they are. Returns how many
    units went. Only for the holder of the corpus lock; who appends or reads meanwhile is not disturbed."""
    units: dict[str, list[str]] = {}
    for name in unit_names(store):
        units.setdefault(shard_of(name), []).append(name)
    gone = 0
    for shard, names in units.items():
        if len(names) <= most:
            continue
        reviews = read_reviews(store, shard, names).get(shard, [])
        time = names[-1].split("-")[1]  # it stands where the last one stood: before what comes meanwhile
        _publish(store, f"{shard}-{time}-m{secrets.token_hex(4)}", reviews, f"{_MERGED}{' '.join(names)}")
        for name in names:  # the oldest first: a unit that was merged is gone before the one that says so
            commit.retire(store, REVIEWS, name)
            store.remove(f"{REVIEWS}/{name}.parquet")
        gone += len(names)
    return gone


def read_reviews(store: Store, shard: str | None = None, names: Sequence[str] | None = None) -> Reviews:
    """All corrections, or those of one shard, or of these units. Raises DamageError for a unit that is not as it was
    written: a correction is never left out silently."""
    by_shard: Reviews = {}
    for attempt in range(_ATTEMPTS):
        try:
            for name in manifests(store, shard, names):
                by_shard.setdefault(shard_of(name), []).extend(read_unit(store, name))
            break
        except FileNotFoundError:  # merged meanwhile
            by_shard = {}
            if attempt == _ATTEMPTS - 1:
                raise
    return by_shard


def read_unit(store: Store, name: str) -> list[Review]:
    """The corrections of one unit. Raises FileNotFoundError if it is not there (any more)."""
    path = f"{REVIEWS}/{name}.parquet"
    return [_review(row) for row in table.decode(store.read(path), SCHEMA, path).to_pylist()]


def count_reviews(store: Store) -> dict[str, int]:
    """Shard -> how many corrections there are; reads manifests only. Raises like `read_reviews`."""
    counts: dict[str, int] = {}
    for name, manifest in manifests(store).items():
        counts[shard_of(name)] = counts.get(shard_of(name), 0) + manifest.counts.read
    return counts


def waiting_reviews(store: Store, number: int, counts: Mapping[str, int] | None = None) -> int:
    """How many corrections a round does not know yet: they wait for its next `fld filter`. In every round, each has one
    row of type "review" in the index, and so in the tally of its shard. counts: of `count_reviews`, if known."""
    counts = count_reviews(store) if counts is None else counts
    if not counts:
        return 0
    done = commit.committed(store, round_folder(number))
    tallies = {shard: done[shard].tally for shard in counts if shard in done}
    known = {shard: sum(tally.get("review", {}).values()) for shard, tally in tallies.items() if tally}
    return sum(max(0, count - known.get(shard, 0)) for shard, count in counts.items())


def told_waiting(count: int) -> str:
    """`told_waiting(1)` is "1 correction waits"."""
    return "1 correction waits" if count == 1 else f"{count:,} corrections wait"


def shard_of(unit: str) -> str:
    """The image shard that a unit is about."""
    return unit.partition("-")[0]


def unit_names(store: Store) -> list[str]:
    """The units there are, in the order in which they were written."""
    names = store.names(f"{REVIEWS}/manifest")
    return sorted(name.removesuffix(".json") for name in names if name.endswith(".json"))


def manifests(store: Store, shard: str | None = None, names: Sequence[str] | None = None) -> dict[str, Manifest]:
    """Name -> manifest of every unit that counts, in their order: not of one that another one has taken in.

    Raises DamageError for a damaged manifest, and for one that is gone."""
    alone = [name for name in orphans(store) if shard in (None, shard_of(name))] if names is None else []
    if alone:
        raise DamageError(
            f"{REVIEWS}/{alone[0]}.parquet has no manifest: that was lost, or its writer was killed: `fld filter"
            f" {store.url}` takes the corrections in; or delete the file"
        )
    chosen = unit_names(store) if names is None else names
    chosen = [name for name in chosen if shard is None or shard_of(name) == shard]
    units = commit.some(store, REVIEWS, chosen)
    lost = [name for name in chosen if name not in units]
    if lost and set(lost) & {*unit_names(store)}:
        raise DamageError(
            f"{REVIEWS}/manifest/{lost[0]}.json is damaged: restore it from a copy; nothing else holds what people"
            " corrected"
        )
    if lost and names is None:  # merged meanwhile
        return manifests(store, shard)
    gone = over(units)
    return {name: manifest for name, manifest in units.items() if name not in gone}


def over(units: Mapping[str, Manifest]) -> set[str]:
    """Names of the units that others of these were merged from."""
    merged = [unit.fingerprint for unit in units.values() if unit.fingerprint.startswith(_MERGED)]
    return {name for fingerprint in merged for name in fingerprint.removeprefix(_MERGED).split()}


def _publish(store: Store, name: str, reviews: Sequence[Review], fingerprint: str) -> Manifest:
    columns: dict[str, pa.Array] = {
        field.name: pa.array([getattr(review, field.name) for review in reviews], field.type)
        for field in SCHEMA
        if field.type != table.BOX
    }
    for box in ("box", "new_box"):
        columns[box] = table.tuples([getattr(review, box) for review in reviews], table.BOX)
    content = table.encode(pa.Table.from_arrays([columns[name] for name in SCHEMA.names], schema=SCHEMA))
    counts = ImageCounts(len(reviews), len(reviews))
    return commit.publish(store, REVIEWS, name, {f"{name}.parquet": content}, counts, fingerprint)


def _review(row: dict[str, Any]) -> Review:
    for name in ("box", "new_box"):
        row[name] = None if row[name] is None else tuple(row[name][side] for side in _SIDES)
    row["new_quad"] = None if row["new_quad"] is None else tuple(row["new_quad"])
    return Review(**row)
