"""A list that was mended, photographs that moved: what of a committed plan may become something else.

Comes in: the plan and what the sources say now. Goes out: the entries that replace planned ones.

    the image failed, or is not written yet    anything may change: place, annotations, a line that was wrong
    the image is in the corpus                 its place, but only to where the same bytes are (SHA-256); annotations
                                               that came late become corrections (`late.py`)

All else is refused: an image of the corpus never turns into another one.
"""

import hashlib
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import msgspec

from shards import commit
from shards.images import ImageRow, read_image_rows
from shards.layout import IMAGES, shard_name
from shards.store import Store
from stages.ingest.entry import Entry
from stages.ingest.http import FetchError
from stages.ingest.left_out import LeftOut
from stages.ingest.plan import IngestPlan, Planned, plan_difference, refuse

_READERS = 8
ReadEntry = Callable[[str, Entry], bytes]
"""The bytes of the entry of a key. Raises FetchError."""


@dataclass(eq=False)
class Amendments:
    """entries: key -> what replaces the planned one. moved: how many of them are images of the corpus at a new place.
    retry: shards in which a failed image can be tried again. late: key -> shard, row and entry of an image of the
    corpus that comes with other annotations now (`late.py`)."""

    entries: dict[str, Entry] = field(default_factory=dict)
    moved: int = 0
    retry: set[str] = field(default_factory=set)
    late: dict[str, tuple[str, ImageRow, Entry]] = field(default_factory=dict)


def amendments(
    store: Store, plan: IngestPlan, listed: Mapping[str, Entry], read: ReadEntry, left_out: LeftOut
) -> Amendments:
    """What `wanted` (entries without secrets) changes in the plan. What cannot be compared is counted and stays as it
    was. Raises PlanError with the differences that are refused."""
    images = plan.images()
    changed = {key: images[key] for key, entry in listed.items() if key in images and _differs(images[key], entry)}
    done = Amendments()
    refused: list[str] = []
    moved: dict[str, ImageRow] = {}
    rows = _rows(store, {shard_name(image.shard) for image in changed.values()})
    for key, image in changed.items():
        row = rows.get(key)
        if row is None or row.status == "failed":
            done.entries[key] = listed[key]
            done.retry |= {shard_name(image.shard)} if row else set()
        elif listed[key].problem:
            left_out.row("row", f"{key}: {listed[key].problem}; its image stays as it is")
        else:
            if listed[key].given != image.entry.given:
                done.late[key] = shard_name(image.shard), row, listed[key]
            same_labels = msgspec.structs.replace(listed[key], given=image.entry.given)
            if _differs(image, same_labels):
                moved[key] = row
    with ThreadPoolExecutor(_READERS) as pool:
        hashes = pool.map(lambda key: _sha256(key, listed[key], read, left_out), moved)
        for (key, row), sha256 in zip(moved.items(), hashes, strict=True):
            if sha256 == row.sha256:
                done.entries[key] = msgspec.structs.replace(listed[key], given=images[key].entry.given)
                done.moved += 1
            elif sha256:
                refused.append(f"{key}: {plan_difference(images[key].entry, listed[key])}, with other bytes")
    refuse(refused)
    return done


def _differs(image: Planned, entry: Entry) -> bool:
    return plan_difference(image.entry, msgspec.structs.replace(entry, key=image.entry.key)) != ""


def _rows(store: Store, shards: set[str]) -> dict[str, ImageRow]:
    """Key -> row, of those shards that are written."""
    written = sorted(shard for shard in shards if commit.find(store, IMAGES, shard) is not None)
    return {row.key: row for shard in written for row in read_image_rows(store, shard)}


def _sha256(key: str, entry: Entry, read: ReadEntry, left_out: LeftOut) -> str:
    """Of the bytes at the new place; "" where they cannot be read, which is no reason to lose the image."""
    try:
        return hashlib.sha256(read(key, entry)).hexdigest()
    except FetchError as error:
        left_out.row("moved image", f"{key}: {error}; it stays as it is in the corpus")
        return ""
