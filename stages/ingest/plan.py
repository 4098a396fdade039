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

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, repeat

import msgspec
import pyarrow as pa

from shards import commit, finding_column, table
from shards.commit import ImageCounts
from shards.completeness import PLAN
from shards.errors import InputError
from shards.layout import shard_name
from shards.store import Store
from stages.ingest.entry import Entry
from stages.ingest.keys import SHOWN
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


class PlanError(InputError):
    """Sources or settings that contradict the plan of the corpus; the message lists the differences."""


class Planned(msgspec.Struct, frozen=True):
    """An image and the number of its shard. `entry.key` is the key in the corpus. amends: replaces what an earlier part
    says of that key."""

    shard: int
    entry: Entry
    amends: bool = False


@dataclass(frozen=True, eq=False)
class IngestPlan:
    """All parts, in order. `parts` holds at least one image each."""

    parts: dict[str, list[Planned]]
    shard_size: int

    def shards(self) -> dict[str, list[Entry]]:
        """Shard name -> its images, in shard order."""
        groups = groupby(self.images().values(), key=lambda image: image.shard)
        return {shard_name(number): [image.entry for image in group] for number, group in groups}

    def images(self) -> dict[str, Planned]:
        """Key -> image and shard, as amended last, in the order of the shards."""
        return {image.entry.key: image for part in self.parts.values() for image in part}


def read_plan(store: Store, shard_size: int) -> IngestPlan:
    """The committed plan; without parts for a new corpus. Raises PlanError for another shard size."""
    parts: dict[str, list[Planned]] = {}
    for name, manifest in commit.committed(store, PLAN).items():
        if manifest.fingerprint != _fingerprint(shard_size):
            raise PlanError(
                f"ingest.{_fingerprint(shard_size)} contradicts the corpus, which was planned with"
                f" {manifest.fingerprint}: use that, or start a new corpus"
            )
        parts[name] = _decode(store.read(f"{PLAN}/{name}.parquet"), name)
    return IngestPlan(parts, shard_size)


def extend_plan(
    store: Store, plan: IngestPlan, listed: Mapping[str, Entry], amended: Mapping[str, Entry] | None = None
) -> IngestPlan:
    """The plan with the keys of `wanted` that it lacks, and with other places or annotations for those of `amended`, as
    one more committed part. All entries without secrets.

    A part that is missing between others (it was damaged) is planned again in its place. Raises PlanError when it
    cannot be the same."""
    known = plan.images()
    own = {image.entry.key for part in plan.parts.values() for image in _own(part)}
    new = [msgspec.structs.replace(entry, key=key) for key, entry in listed.items() if key not in own]
    changes = [
        Planned(known[key].shard, msgspec.structs.replace(entry, key=key), amends=True)
        for key, entry in (amended or {}).items()
    ]
    if not new and not changes:
        return plan
    name, first = _next_part(plan)
    added = [Planned(first + index // plan.shard_size, entry) for index, entry in enumerate(new)]
    following = [later for other, part in plan.parts.items() if other > name and (later := _own(part))]
    if following and (not added or following[0][0].shard != added[-1].shard + 1):
        raise PlanError(
            f"part {name} of the plan is lost, and these sources do not make it again: ingest what it was made from"
        )
    part = added + changes
    counts = ImageCounts(read=len(part), kept=len(part))
    commit.publish(store, PLAN, name, {f"{name}.parquet": _encode(part)}, counts, _fingerprint(plan.shard_size))
    return IngestPlan(dict(sorted({**plan.parts, name: part}.items())), plan.shard_size)


def _own(part: list[Planned]) -> list[Planned]:
    return [image for image in part if not image.amends]


def _next_part(plan: IngestPlan) -> tuple[str, int]:
    """Name and first shard number of the first part that is not there."""
    first = 0
    for index, (name, part) in enumerate(sorted(plan.parts.items())):
        if name != shard_name(index):
            return shard_name(index), first
        first = max([first, *(image.shard + 1 for image in _own(part))])
    return shard_name(len(plan.parts)), first


def _fingerprint(shard_size: int) -> str:
    return f"shard_size={shard_size}"


def plan_difference(planned: Entry, listed: Entry) -> str:
    """What is other in `wanted`, both without secrets; "" if nothing that matters is."""
    if public(planned.location) != public(listed.location) or planned.offset != listed.offset:
        return f"was {_where(planned)}, now {_where(listed)}"
    if planned.given != listed.given:
        return f"had {len(planned.given)} given annotations, now {len(listed.given)} (or others)"
    if planned.problem != listed.problem:
        return f"was {planned.problem or 'sound'}, now {listed.problem or 'sound'}"
    return ""


def refuse(differences: list[str]) -> None:
    """Raise PlanError with the first of these, "key: was ..., now ...", if there are any."""
    if differences:
        more = f"\n  and {len(differences) - SHOWN} more" if len(differences) > SHOWN else ""
        raise PlanError(
            f"{len(differences)} keys of the corpus are something else in these sources:\n"
            + "\n".join(f"  {line}" for line in differences[:SHOWN])
            + more
            + "\ngive the new images other keys (ingest.key, or another root), or start a new corpus"
        )


def _where(entry: Entry) -> str:
    return entry.location if entry.size < 0 else f"{entry.location} at byte {entry.offset}"


def _encode(part: Sequence[Planned]) -> bytes:
    entries = [image.entry for image in part]

    def column(name: str, values: Iterable[object]) -> pa.Array:
        return pa.array(list(values), SCHEMA.field(name).type)

    return table.encode(
        pa.table(
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
    )


_PLAIN = ("key", "uri", "location", "offset", "size")


def _decode(data: bytes, name: str) -> list[Planned]:
    path = f"{PLAN}/{name}.parquet"
    rows = table.decode(data, _SCHEMA_1 if table.version_of(data) == "1" else SCHEMA, path)
    plain = zip(*(rows.column(field).to_pylist() for field in _PLAIN), strict=True)
    sizes = zip(rows.column("given_width").to_pylist(), rows.column("given_height").to_pylist(), strict=True)
    added = (
        zip(*(rows.column(field).to_pylist() for field, _ in _ADDED), strict=True)
        if "amends" in rows.column_names
        else repeat(("", "", False), rows.num_rows)
    )
    rows = zip(
        rows.column("shard").to_pylist(),
        plain,
        finding_column.decode(rows.column("given")),
        sizes,
        rows.column("normalised").to_pylist(),
        added,
        strict=True,
    )
    return [
        Planned(
            shard,
            Entry(uri, place, "", key, offset, size, given, wh if wh[0] else None, fractions, cell, problem),
            amends,
        )
        for shard, (key, uri, place, offset, size), given, wh, fractions, (cell, problem, amends) in rows
    ]
