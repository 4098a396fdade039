"""The plan: which image goes into which shard under which key, fixed before the first shard is written.

    images/plan/000000.parquet       one row per image, in shard order:
    shard int32       number of the shard            given list<...>       as in the list (stages/ingest/entry.py)
    key string                                       given_width int32     px of the image they were made on; 0 unknown
    uri string        as the user wrote it           given_height int32
    location string   absolute path or URL           normalised bool       given boxes are fractions of the sides
    offset int64      } of the image in `location`
    size int64        } -1: all of it                  amends bool         replaces the row of an earlier part
    cell string       parquet column of the bytes, ""  problem string      why the line cannot be used, or ""
    images/plan/manifest/000000.json fingerprint "shard_size=256"

Each ingest that brings new keys appends one part, whose first shard follows the last one of the part before: written
shards never change. A rerun reads the plan and never asks the sources what is in which shard.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import chain, islice, repeat
from typing import TypeVar

import msgspec
import pyarrow as pa

from shards import commit, finding_column, table
from shards.commit import ImageCounts, Manifest
from shards.completeness import PLAN
from shards.errors import InputError
from shards.layout import shard_name
from shards.ranged import RangedFile
from shards.store import Store
from stages.ingest.entry import Entry
from stages.ingest.listing import Listing
from stages.ingest.scratch import Scratch, digest, pack_entry, unpack_entry
from stages.ingest.secrets import public

_FIELDS = [
    ("shard", pa.int32()),
    ("key", pa.string()),
    ("uri", pa.string()),
    ("location", pa.string()),
    ("offset", pa.int64()),
    ("size", pa.int64()),
    ("given", finding_column.TYPE),
    ("given_width", pa.int32()),
    ("given_height", pa.int32()),
    ("normalised", pa.bool_()),
]
_ADDED = [("cell", pa.string()), ("problem", pa.string()), ("amends", pa.bool_())]
SCHEMA = table.versioned("plan", 2, _FIELDS + _ADDED)
_SCHEMA_1 = table.versioned("plan", 1, _FIELDS)


T = TypeVar("T")
SHOWN = 5
"""Offenders listed in an error."""


class PlanError(InputError):
    """Sources or settings that contradict the plan of the corpus; the message lists the differences."""


class Planned(msgspec.Struct, frozen=True):
    """An image and the number of its shard. `entry.key` is the key in the corpus. amends: replaces what an earlier part
    says of that key."""

    shard: int
    entry: Entry
    amends: bool = False


class IngestPlan:
    """All parts together, in the table `planned (place, digest, shard, own, entry)` of `scratch`: the images in the
    order of the shards, each as amended last. own: 0 where only amendments of an image are there, its part being lost.

    shards: name of each part -> numbers of its first and last shard, None of one that only amends."""

    def __init__(self, shard_size: int) -> None:
        self.shard_size = shard_size
        self.scratch = Scratch()
        self.parts: dict[str, tuple[int, int] | None] = {}
        self.scratch.run(
            "CREATE TABLE planned"
            " (place INTEGER PRIMARY KEY, digest BLOB UNIQUE, shard INTEGER, own INTEGER, entry BLOB)"
        )
        self.scratch.run("CREATE INDEX planned_shard ON planned (shard, place)")

    def __len__(self) -> int:
        """Images."""
        return int(self.scratch.one("SELECT COUNT(*) FROM planned")[0])

    def find(self, key: str) -> Planned | None:
        """An image as amended last."""
        found = self.scratch.one("SELECT shard, entry FROM planned WHERE digest = ?", digest(key))
        return None if found is None else Planned(found[0], unpack_entry(found[1]))

    def shard(self, key: str) -> int:
        """The number of its shard. Raises TypeError for a key that is not planned."""
        return int(self.scratch.one("SELECT shard FROM planned WHERE digest = ?", digest(key))[0])

    def shard_names(self) -> list[str]:
        """In their order."""
        rows = self.scratch.run("SELECT shard FROM planned GROUP BY shard ORDER BY MIN(place)")
        return [shard_name(number) for (number,) in rows]

    def entries(self, shard: str) -> list[Entry]:
        """The images of a shard, in their order."""
        rows = self.scratch.run("SELECT entry FROM planned WHERE shard = ? ORDER BY place", int(shard))
        return [unpack_entry(data) for (data,) in rows]

    def shards(self) -> Iterator[tuple[str, list[Entry]]]:
        """Every shard with its images, one after the other."""
        return ((shard, self.entries(shard)) for shard in self.shard_names())

    def add_part(self, name: str, part: Iterable[Planned]) -> None:
        """Take in what is behind all other parts."""
        bounds = None
        for image in part:
            if not image.amends:
                bounds = (bounds[0] if bounds else image.shard, image.shard)
            self.scratch.run(
                "INSERT INTO planned (digest, shard, own, entry) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE"
                " SET shard = excluded.shard, own = own OR excluded.own, entry = excluded.entry",
                digest(image.entry.key), image.shard, not image.amends, pack_entry(image.entry),
            )  # fmt: skip
        self.parts[name] = bounds


def read_plan(store: Store, shard_size: int) -> IngestPlan:
    """The committed plan; without parts for a new corpus. Raises PlanError for another shard size."""
    plan = IngestPlan(shard_size)
    for name, manifest in commit.committed(store, PLAN).items():
        if manifest.fingerprint != _fingerprint(shard_size):
            raise PlanError(
                f"ingest.{_fingerprint(shard_size)} contradicts the corpus, which was planned with"
                f" {manifest.fingerprint}: use that, or start a new corpus"
            )
        plan.add_part(name, _read_part(store, manifest))
    return plan


def extend_plan(store: Store, plan: IngestPlan, listing: Listing, amended: Collection[Entry] = ()) -> IngestPlan:
    """The plan with the keys of the listing that it lacks, and with other places or annotations for those of `amended`,
    as one more committed part. All entries without secrets, and under their keys.

    A part that is missing between others (it was damaged) is planned again in its place. Raises PlanError when it
    cannot be the same."""
    lacking = (
        "FROM listed WHERE NOT EXISTS (SELECT 1 FROM planned WHERE planned.digest = listed.digest AND own)"
        " ORDER BY listed.place"
    )
    count = listing.scratch.one(f"SELECT COUNT(*) {lacking}")[0]
    if not count and not amended:
        return plan
    name, first = _next_part(plan)
    following = [bounds for other, bounds in plan.parts.items() if other > name and bounds]
    if following and (not count or following[0][0] != first + (count - 1) // plan.shard_size + 1):
        raise PlanError(
            f"part {name} of the plan is lost, and these sources do not make it again: ingest what it was made from"
        )
    new = (unpack_entry(data) for (data,) in listing.scratch.run(f"SELECT entry {lacking}"))
    added = (Planned(first + index // plan.shard_size, entry) for index, entry in enumerate(new))
    changes = (Planned(plan.shard(entry.key), entry, amends=True) for entry in amended)
    total = ImageCounts(read=count + len(amended), kept=count + len(amended))
    files = {f"{name}.parquet": _encode(chain(added, changes))}
    manifest = commit.publish(store, PLAN, name, files, total, _fingerprint(plan.shard_size))
    if any(other > name for other in plan.parts):
        return read_plan(store, plan.shard_size)
    plan.add_part(name, _read_part(store, manifest))
    return plan


def _next_part(plan: IngestPlan) -> tuple[str, int]:
    """Name and first shard number of the first part that is not there."""
    first = 0
    for index, (name, bounds) in enumerate(sorted(plan.parts.items())):
        if name != shard_name(index):
            return shard_name(index), first
        first = max(first, bounds[1] + 1) if bounds else first
    return shard_name(len(plan.parts)), first


def _fingerprint(shard_size: int) -> str:
    return f"shard_size={shard_size}"


def plan_difference(planned: Entry, listed: Entry) -> str:
    """What is other in `listed`, both without secrets; "" if nothing that matters is."""
    if public(planned.location) != public(listed.location) or planned.offset != listed.offset:
        return f"was {_where(planned)}, now {_where(listed)}"
    if planned.given != listed.given:
        return f"had {len(planned.given)} given annotations, now {len(listed.given)} (or others)"
    if planned.problem != listed.problem:
        return f"was {planned.problem or 'sound'}, now {listed.problem or 'sound'}"
    return ""


def refuse(first: Sequence[str], count: int) -> None:
    """Raise PlanError if `count` keys are refused, with the first `SHOWN` of them, "key: was ..., now ..."."""
    if count:
        more = f"\n  and {count - SHOWN} more" if count > SHOWN else ""
        raise PlanError(
            f"{count} keys of the corpus are something else in these sources:\n"
            + "\n".join(f"  {line}" for line in first[:SHOWN])
            + more
            + "\ngive the new images other keys (ingest.key, or another root), or start a new corpus"
        )


def _where(entry: Entry) -> str:
    return entry.location if entry.size < 0 else f"{entry.location} at byte {entry.offset}"


def _encode(part: Iterable[Planned]) -> Iterator[bytes]:
    tables = map(_table, _taken(part, table.ROWS_AT_ONCE))
    groups = _taken(tables, table.ROW_GROUP // table.ROWS_AT_ONCE)
    return table.encode_parts((pa.concat_tables(group).combine_chunks() for group in groups), SCHEMA)


def _taken(items: Iterable[T], count: int) -> Iterator[list[T]]:
    """So many at a time; fewer at the end."""
    rest = iter(items)
    while taken := list(islice(rest, count)):
        yield taken


def _table(part: Sequence[Planned]) -> pa.Table:
    entries = [image.entry for image in part]

    def column(name: str, values: Iterable[object]) -> pa.Array:
        return pa.array(list(values), SCHEMA.field(name).type)

    return pa.table(
        [
            column("shard", (image.shard for image in part)),
            *(column(name, (getattr(entry, name) for entry in entries)) for name in _PLAIN),
            finding_column.encode(entry.given for entry in entries),
            column("given_width", (entry.given_wh[0] if entry.given_wh else 0 for entry in entries)),
            column("given_height", (entry.given_wh[1] if entry.given_wh else 0 for entry in entries)),
            column("normalised", (entry.normalised for entry in entries)),
            column("cell", (entry.cell for entry in entries)),
            column("problem", (entry.problem for entry in entries)),
            column("amends", (image.amends for image in part)),
        ],
        schema=SCHEMA,
    )


_PLAIN = ("key", "uri", "location", "offset", "size")


def _read_part(store: Store, manifest: Manifest) -> Iterator[Planned]:
    path = f"{manifest.name}.parquet"
    file = RangedFile(store, f"{PLAN}/{path}", manifest.files[path].bytes)
    for rows in table.decode_parts(file, (SCHEMA, _SCHEMA_1), f"{PLAN}/{path}"):
        yield from _planned(rows)


def _planned(rows: pa.Table) -> Iterator[Planned]:
    plain = zip(*(rows.column(field).to_pylist() for field in _PLAIN), strict=True)
    sizes = zip(rows.column("given_width").to_pylist(), rows.column("given_height").to_pylist(), strict=True)
    added = (
        zip(*(rows.column(field).to_pylist() for field, _ in _ADDED), strict=True)
        if "amends" in rows.column_names
        else repeat(("", "", False), rows.num_rows)
    )
    found = zip(
        rows.column("shard").to_pylist(),
        plain,
        finding_column.decode(rows.column("given")),
        sizes,
        rows.column("normalised").to_pylist(),
        added,
        strict=True,
    )
    for shard, (key, uri, place, offset, size), given, wh, fractions, (cell, problem, amends) in found:
        entry = Entry(uri, place, "", key, offset, size, given, wh if wh[0] else None, fractions, cell, problem)
        yield Planned(shard, entry, amends)
