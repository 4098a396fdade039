"""The plan: which image goes into which shard under which key, fixed before the first shard is written.

    images/plan/000000.parquet       one row per image, in shard order:
    shard int32       number of the shard            given list<...>       as in the list (stages/ingest/entry.py)
    key string                                       given_width int32     px of the image they were made on; 0 unknown
    uri string        as the user wrote it           given_height int32
    location string   absolute path or URL           normalised bool       given boxes are fractions of the sides
    offset int64      } of the image in `location`
    size int64        } -1: all of it
    images/plan/manifest/000000.json fingerprint "shard_size=256"

Each ingest that brings new keys appends one part, whose first shard follows the last one of the part before: written
shards never change. A rerun reads the plan and never asks the sources what is in which shard.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import msgspec
import pyarrow as pa

from shards import commit, table
from shards.commit import Counts
from shards.errors import InputError
from shards.layout import IMAGES, shard_name
from shards.store import Store
from stages.ingest.entry import Entry
from stages.ingest.keys import SHOWN

PLAN = f"{IMAGES}/plan"
SCHEMA = table.versioned(
    "plan",
    1,
    [
        ("shard", pa.int32()),
        ("key", pa.string()),
        ("uri", pa.string()),
        ("location", pa.string()),
        ("offset", pa.int64()),
        ("size", pa.int64()),
        ("given", table.FINDINGS),
        ("given_width", pa.int32()),
        ("given_height", pa.int32()),
        ("normalised", pa.bool_()),
    ],
)


class PlanError(InputError):
    """Sources or settings that contradict the plan of the corpus; the message lists the differences."""


class Planned(msgspec.Struct, frozen=True):
    """An image and the number of its shard. `entry.key` is the key in the corpus."""

    shard: int
    entry: Entry


@dataclass(frozen=True, eq=False)
class Plan:
    """All parts, in order. `parts` holds at least one image each."""

    parts: dict[str, list[Planned]]
    shard_size: int

    def shards(self) -> dict[str, list[Entry]]:
        """Shard name -> its images, in shard order."""
        planned = [image for part in self.parts.values() for image in part]
        groups = groupby(planned, key=lambda image: image.shard)
        return {shard_name(number): [image.entry for image in group] for number, group in groups}

    def entries(self) -> dict[str, Entry]:
        """Key -> image."""
        return {image.entry.key: image.entry for part in self.parts.values() for image in part}


def read_plan(store: Store, shard_size: int) -> Plan:
    """The committed plan; without parts for a new corpus. Raises PlanError for another shard size."""
    parts: dict[str, list[Planned]] = {}
    for name, manifest in commit.committed(store, PLAN).items():
        if manifest.fingerprint != _fingerprint(shard_size):
            raise PlanError(
                f"ingest.{_fingerprint(shard_size)} contradicts the corpus, which was planned with"
                f" {manifest.fingerprint}: use that, or start a new corpus"
            )
        parts[name] = _decode(store.read(f"{PLAN}/{name}.parquet"), name)
    return Plan(parts, shard_size)


def extend_plan(store: Store, plan: Plan, wanted: Mapping[str, Entry]) -> Plan:
    """The plan with the keys of `wanted` that it lacks as one more committed part.

    A part that is missing between others (it was damaged) is planned again in its place. Raises PlanError when a known
    key is wanted for another image or with other given annotations, or when a missing part cannot be the same."""
    known = plan.entries()
    _refuse_changes(known, wanted)
    new = [msgspec.structs.replace(entry, key=key) for key, entry in wanted.items() if key not in known]
    if not new:
        return plan
    name, first = _next_part(plan)
    added = [Planned(first + index // plan.shard_size, entry) for index, entry in enumerate(new)]
    following = [part for other, part in plan.parts.items() if other > name]
    if following and following[0][0].shard != added[-1].shard + 1:
        raise PlanError(
            f"part {name} of the plan is lost, and these sources do not make it again: ingest what it was made from"
        )
    counts = Counts(read=len(added), kept=len(added))
    commit.publish(store, PLAN, name, {f"{name}.parquet": _encode(added)}, counts, _fingerprint(plan.shard_size))
    return Plan(dict(sorted({**plan.parts, name: added}.items())), plan.shard_size)


def _next_part(plan: Plan) -> tuple[str, int]:
    """Name and first shard number of the first part that is not there."""
    first = 0
    for index, (name, part) in enumerate(sorted(plan.parts.items())):
        if name != shard_name(index):
            return shard_name(index), first
        first = part[-1].shard + 1
    return shard_name(len(plan.parts)), first


def _fingerprint(shard_size: int) -> str:
    return f"shard_size={shard_size}"


def _refuse_changes(known: Mapping[str, Entry], wanted: Mapping[str, Entry]) -> None:
    differences: list[str] = []
    for key, entry in wanted.items():
        planned = known.get(key)
        if planned is None:
            continue
        if planned.place != entry.place:
            differences.append(f"  {key}: was {_where(planned)}, now {_where(entry)}")
        elif planned.given != entry.given:
            differences.append(
                f"  {key}: had {len(planned.given)} given annotations, now {len(entry.given)} (or others)"
            )
    if differences:
        more = f"\n  and {len(differences) - SHOWN} more" if len(differences) > SHOWN else ""
        raise PlanError(
            f"{len(differences)} keys of the corpus are something else in these sources:\n"
            + "\n".join(differences[:SHOWN])
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
                table.findings_column(entry.given for entry in entries),
                column("given_width", (entry.given_wh[0] if entry.given_wh else 0 for entry in entries)),
                column("given_height", (entry.given_wh[1] if entry.given_wh else 0 for entry in entries)),
                column("normalised", (entry.normalised for entry in entries)),
            ],
            schema=SCHEMA,
        )
    )


_PLAIN = ("key", "uri", "location", "offset", "size")


def _decode(data: bytes, name: str) -> list[Planned]:
    found = table.decode(data, SCHEMA, f"{PLAN}/{name}.parquet")
    plain = (found.column(field).to_pylist() for field in _PLAIN)
    sizes = zip(found.column("given_width").to_pylist(), found.column("given_height").to_pylist(), strict=True)
    rows = zip(
        found.column("shard").to_pylist(),
        zip(*plain, strict=True),
        table.findings(found.column("given")),
        sizes,
        found.column("normalised").to_pylist(),
        strict=True,
    )
    return [
        Planned(shard, Entry(uri, location, "", key, offset, size, given, wh if wh[0] else None, normalised))
        for shard, (key, uri, location, offset, size), given, wh, normalised in rows
    ]
