"""Annotators that said nothing about an image because they failed: what that makes of its record.

Comes in: what every column has about one image. Goes out: why the image has no record at all ("" where it has one), or
who is missing from it.

    detector failed, masks blocked, captioner ok     failed_annotator: keep   a record of the caption, which names both
                                                     failed_annotator: drop   "detector: timeout: no answer in 60 s"
    all of them failed                               none, either way

An annotator that sees some images only is never missed. A round without failures is what it was before there were
incomplete records, byte for byte; `may_lack` says from manifests alone whether a shard may hold such records.
"""

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from shards.commit import Manifest
from shards.images import ImageRow
from shards.raw import RawRow
from shards.record import Missing, Record
from shards.rounds import INCOMPLETE, IndexRow
from stages.fuse.ledger import ConservationError, Voter
from stages.fuse.settings import FuseSettings

Raws = Mapping[str, RawRow | None]
"""Annotator -> its row about the image; None without one."""


def image_failure(
    row: ImageRow, raws: Raws, voters: Sequence[Voter], settings: FuseSettings, *, is_skipped: bool
) -> str:
    """Where and why the image failed first, "" if it is to have a record. Blocked annotators only follow from a failed
    one. Raises ConservationError if a column forgot an image that is not skipped."""
    if row.status == "failed":
        return f"{row.stage}: {row.error}"
    needed = {voter.name: raws[voter.name] for voter in voters if not voter.is_partial}
    is_kept = settings.failed_annotator == "keep" and any(raw is None or raw.status == "ok" for raw in needed.values())
    for status in () if is_kept else ("failed", "blocked"):
        for name, raw in needed.items():
            if raw is not None and raw.status == status:
                return f"{name}: {raw.error}"
    if not is_skipped and (forgotten := [name for name, raw in needed.items() if raw is None]):
        raise ConservationError(f"image {row.key!r} is missing from the raw columns of {', '.join(forgotten)}")
    return ""


def missing_of(raws: Raws, voters: Sequence[Voter]) -> list[Missing]:
    """Who failed or was blocked, in the order of `voters`."""
    return [
        Missing(voter.name, voter.fingerprint, voter.round, voter.role, raw.error)
        for voter in voters
        if not voter.is_partial and (raw := raws[voter.name]) is not None and raw.status != "ok"
    ]


def with_missing(record: Record, missing: list[Missing]) -> tuple[Record, IndexRow]:
    """The record that names them, and the row of the index that does."""
    reasons = "; ".join(f"{gap.annotator}: {gap.reason}" for gap in missing)
    row = IndexRow(
        key=record.key,
        id="",
        type="missing",
        source=missing[0].annotator,
        fingerprint=missing[0].fingerprint,
        text=reasons,
        kept=False,
        rule=INCOMPLETE,
        value=float(len(missing)),
    )
    return replace(record, missing=missing), row


def may_lack(voters: Sequence[Voter], columns: Sequence[Manifest], settings: FuseSettings) -> bool:
    """Whether records of a shard may lack somebody. columns: its manifests, one per voter."""
    if settings.failed_annotator == "drop":
        return False
    needed = [done for voter, done in zip(voters, columns, strict=True) if not voter.is_partial]
    return len(needed) > 1 and any(done.counts.failed for done in needed)
