"""A list that was mended, photographs that moved: what of a committed plan may become something else.

Comes in: the plan and what the sources say now. Goes out: the entries that replace planned ones.

    the image failed, or is not written yet    anything may change: place, annotations, a line that was wrong
    the image is in the corpus                 its place, but only to where the same bytes are (SHA-256); annotations
                                               that came late become corrections (`late.py`)

All else is refused: an image of the corpus never turns into another one.
"""

import hashlib
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import groupby

import msgspec

from shards import commit
from shards.images import ImageRow, read_image_rows
from shards.layout import IMAGES, shard_name
from shards.store import Store
from stages.ingest.entry import Entry
from stages.ingest.http import FetchError
from stages.ingest.left_out import LeftOut
from stages.ingest.listing import Listing
from stages.ingest.plan import SHOWN, IngestPlan, plan_difference, refuse
from stages.ingest.scratch import Scratch, pack_entry, unpack_entry

_READERS = 8
_TABLES = (
    "CREATE TABLE amended (is_moved INTEGER, place INTEGER, entry BLOB)",
    "CREATE TABLE late (shard INTEGER, place INTEGER)",
    "CREATE TABLE remark (place INTEGER, what TEXT, text TEXT)",
)
"""place: of the entry in the listing, in whose order all of it is told and written."""
ReadEntry = Callable[[Entry], bytes]
"""The bytes at the place of an entry, secrets and all. Raises FetchError."""


class AmendedEntries(Collection[Entry]):
    """Entries that replace planned ones: first those of images that the corpus lacks, then those that moved."""

    def __init__(self, scratch: Scratch) -> None:
        self._scratch = scratch

    def __iter__(self) -> Iterator[Entry]:
        rows = self._scratch.run("SELECT entry FROM amended ORDER BY is_moved, place")
        return (unpack_entry(data) for (data,) in rows)

    def __len__(self) -> int:
        return int(self._scratch.one("SELECT COUNT(*) FROM amended")[0])

    def __contains__(self, entry: object) -> bool:
        return any(entry == other for other in self)


@dataclass(eq=False)
class Amendments:
    """moved: how many of the entries are images of the corpus at a new place. retry: shards in which a failed image can
    be tried again."""

    scratch: Scratch
    moved: int = 0
    retry: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        for table in _TABLES:
            self.scratch.run(table)

    @property
    def entries(self) -> AmendedEntries:
        """What replaces planned entries."""
        return AmendedEntries(self.scratch)

    def late(self) -> Iterator[tuple[str, list[Entry]]]:
        """Shards, and of each the entries of images of the corpus that come with other annotations now (`late.py`)."""
        rows = self.scratch.run("SELECT shard, entry FROM late JOIN listed USING (place) ORDER BY shard, place")
        for shard, group in groupby(rows, key=lambda row: row[0]):
            yield shard_name(shard), [unpack_entry(data) for _, data in group]


def amendments(store: Store, plan: IngestPlan, listing: Listing, read: ReadEntry, left_out: LeftOut) -> Amendments:
    """What the listing changes in the plan. What cannot be compared is counted and stays as it was. Raises PlanError
    with the differences that are refused."""
    scratch = plan.scratch
    done = Amendments(scratch)
    changed = scratch.run(
        "SELECT shard, listed.place, listed.entry, planned.entry FROM planned JOIN listed USING (digest)"
        " WHERE listed.entry != planned.entry ORDER BY shard, planned.place"
    )
    with ThreadPoolExecutor(_READERS) as pool:
        for shard, group in groupby(changed, key=lambda row: row[0]):
            images = [_Changed(place, unpack_entry(now), unpack_entry(was)) for _, place, now, was in group]
            moved = _sorted_out(store, shard_name(shard), [image for image in images if image.difference], done)
            hashes = pool.map(lambda entry: _sha256(entry, read), [listing.placed(image.now) for image, _ in moved])
            for (image, row), sha256 in zip(moved, hashes, strict=True):
                _judge(image, row, sha256, done)
    for what, text in scratch.run("SELECT what, text FROM remark WHERE what != '' ORDER BY place"):
        left_out.row(what, text)
    refused = scratch.run("SELECT text FROM remark WHERE what = '' ORDER BY place LIMIT ?", SHOWN).fetchall()
    refuse([text for (text,) in refused], scratch.one("SELECT COUNT(*) FROM remark WHERE what = ''")[0])
    return done


@dataclass(frozen=True, eq=False)
class _Changed:
    """An entry at its place in the listing, and as it was planned."""

    place: int
    now: Entry
    was: Entry

    @property
    def difference(self) -> str:
        return plan_difference(self.was, self.now)


def _sorted_out(store: Store, shard: str, changed: list[_Changed], done: Amendments) -> list[tuple[_Changed, ImageRow]]:
    """Settle what can be settled without reading an image, and return the images at another place with their rows."""
    rows = _rows(store, shard) if changed else {}
    moved: list[tuple[_Changed, ImageRow]] = []
    run = done.scratch.run
    for image in changed:
        row = rows.get(image.now.key)
        if row is None or row.status == "failed":
            run("INSERT INTO amended VALUES (0, ?, ?)", image.place, pack_entry(image.now))
            done.retry |= {shard} if row else set()
        elif image.now.problem:
            text = f"{image.now.key}: {image.now.problem}; its image stays as it is"
            run("INSERT INTO remark VALUES (?, 'row', ?)", image.place, text)
        else:
            if image.now.given != image.was.given:
                run("INSERT INTO late VALUES (?, ?)", int(shard), image.place)
            if plan_difference(image.was, msgspec.structs.replace(image.now, given=image.was.given)):
                moved.append((image, row))
    return moved


def _judge(image: _Changed, row: ImageRow, sha256: str | FetchError, done: Amendments) -> None:
    """What becomes of an image at another place, where its bytes have this hash."""
    run, key = done.scratch.run, image.now.key
    if isinstance(sha256, FetchError):
        text = f"{key}: {sha256}; it stays as it is in the corpus"
        run("INSERT INTO remark VALUES (?, 'moved image', ?)", image.place, text)
    elif sha256 == row.sha256:
        entry = msgspec.structs.replace(image.now, given=image.was.given)
        run("INSERT INTO amended VALUES (1, ?, ?)", image.place, pack_entry(entry))
        done.moved += 1
    else:
        text = f"{key}: {plan_difference(image.was, image.now)}, with other bytes"
        run("INSERT INTO remark VALUES (?, '', ?)", image.place, text)


def _rows(store: Store, shard: str) -> dict[str, ImageRow]:
    """Key -> row, of a shard that is written."""
    written = commit.find(store, IMAGES, shard) is not None
    return {row.key: row for row in read_image_rows(store, shard)} if written else {}


def _sha256(entry: Entry, read: ReadEntry) -> str | FetchError:
    """Of the bytes at the new place; or why they cannot be read, which is no reason to lose the image."""
    try:
        return hashlib.sha256(read(entry)).hexdigest()
    except FetchError as error:
        return error
