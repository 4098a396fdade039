"""Round shards: what a round kept, as webdataset samples, and an index of everything it judged.

    rounds/00/shards/000000.tar       two members per kept image: `safe_key(key).jpg` (or png, webp ...), the original
                                      bytes, and `safe_key(key).json`, the record; the two in order of extension
    rounds/00/index/000000.parquet    one row per image, whatever became of it, and one per annotation, kept or dropped
    rounds/00/summary/000000.parquet  one row per image, for whoever looks (`shards/summary.py`). Columns of the index:

    key string            the image                       kept bool            dropped: a failing rule is named
    id string             of the annotation: "r3"; ""     rule string          "" if kept
    type string           see `IndexRow`                  value double         what the rule looked at
    source string         annotator                       threshold double     what it was compared with
    fingerprint string    of its raw column               shard string         "000000"
    ref string            the finding: "detector/4"       ext string           of the original (this and what follows:
    granularity string    of a text                                            rows of kept images only, else null)
    text string           label, text or phrase           offset, size int64   the original in the tar, in bytes;
                                                          null where it is not there (shards/originals.py)
    score double          raw, null if none               record_offset, record_size int64   the record in the tar
    box struct<x0 y0 x1 y1 float>  px                     record_crc32 uint32  CRC-32 of the record

So a threshold sweep, a count or a look-up by key needs the index alone, and one sample is two ranged reads of the tar.
"""

import hashlib
import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, NamedTuple

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from shards import commit, record, summary, table, tar
from shards.commit import ImageCounts, Manifest
from shards.errors import DamageError
from shards.finding import Box
from shards.layout import IMAGES, index_file, originals_file, round_folder, round_tar, summary_file, tar_path
from shards.originals import Originals, OriginalsPolicy
from shards.record import Record
from shards.store import Store
from shards.summary import RecordFacts

SCHEMA = table.versioned(
    "index",
    1,
    [
        ("key", pa.string()),
        ("id", pa.string()),
        ("type", pa.string()),
        ("source", pa.string()),
        ("fingerprint", pa.string()),
        ("ref", pa.string()),
        ("granularity", pa.string()),
        ("text", pa.string()),
        ("score", pa.float64()),
        ("box", table.BOX_SMALL),
        ("kept", pa.bool_()),
        ("rule", pa.string()),
        ("value", pa.float64()),
        ("threshold", pa.float64()),
        ("shard", pa.string()),
        ("ext", pa.string()),
        ("offset", pa.int64()),
        ("size", pa.int64()),
        ("record_offset", pa.int64()),
        ("record_size", pa.int64()),
        ("record_crc32", pa.uint32()),
    ],
)


INCOMPLETE = "image.incomplete"
"""The rule of the row that says which annotators failed on a kept image."""
OF_IMAGES = frozenset({"image", "missing"})
"""Types of rows that are about an image and no finding."""


class IndexRow(msgspec.Struct, frozen=True):
    """One verdict. Every image has exactly one row of type "image", kept or not; every annotation that was judged has
    one of type "text", "region" or "phrase", and what was said about a box one of type "candidate" (a text, or its
    similarity) or "mask"; the likelihood of a text is a "candidate", too; every correction has one of type "review". A
    kept image on which annotators failed has one of type "missing" (rule `INCOMPLETE`, value: how many).
    id: of the annotation in the record, "" for an image or where a dropped finding has none. `value` and `threshold`
    are in the unit of the rule."""

    key: str
    id: str
    type: Literal["image", "missing", "text", "region", "phrase", "candidate", "mask", "review"]
    source: str = ""
    fingerprint: str = ""
    ref: str = ""
    granularity: str | None = None
    text: str = ""
    score: float | None = None
    box: Box | None = None
    kept: bool = True
    rule: str = ""
    value: float | None = None
    threshold: float | None = None


class SamplePlace(NamedTuple):
    """Where one sample lies in the tar of its shard, in bytes, the extension of the original and the CRC-32 of the
    record. offset, size: of the original, None where it is not in that tar (`shards/originals.py`)."""

    ext: str
    offset: int | None
    size: int | None
    record_offset: int
    record_size: int
    record_crc32: int


class _Written(NamedTuple):
    """What is known of a shard while it is written: places and facts of its images by key, then its one index."""

    places: dict[str, SamplePlace]
    facts: dict[str, RecordFacts]
    tables: list[pa.Table]


def write_round_shard(
    store: Store,
    number: int,
    shard: str,
    samples: Iterable[tuple[Record, str, bytes]],
    index: Sequence[IndexRow],
    counts: ImageCounts,
    fingerprint: str,
    originals: OriginalsPolicy = "copy",
) -> Manifest:
    """Commit one shard of a round. samples: (record, extension, original bytes) of the kept images, consumed one by
    one, in the order of their rows of type "image" in `index`. originals: whether the bytes are written, too; where
    they are not, any will do.

    Raises ValueError, and commits nothing, unless there is one image row per image read and one kept image row per
    sample: what was dropped without a row would be lost silently."""
    kept = _check_index(index, counts)
    written = _Written({}, {}, [])
    files: dict[str, bytes | Iterable[bytes] | commit.Linked] = {
        f"shards/{shard}.tar": _archive(samples, number, kept, written, is_copied=originals == "copy"),
        index_file(shard): _index(index, shard, written),
        summary_file(shard): _summary(written),
    }
    if originals == "link":
        files[originals_file(shard)] = _linked(store, shard)
    before = commit.find(store, round_folder(number), shard)
    tally = summary.tally_of((row.type for row in index), (row.rule for row in index))
    done = commit.publish(
        store, round_folder(number), shard, files, counts, fingerprint, tally, has_originals=originals == "copy"
    )
    for path in () if before is None else before.files.keys() - done.files.keys():
        store.remove(f"{round_folder(number)}/{path}")
    return done


def read_index(store: Store, number: int, shard: str, columns: list[str] | None = None) -> pa.Table:
    """The index of a committed shard. Raises FileNotFoundError if there is none."""
    path = f"{round_folder(number)}/{index_file(shard)}"
    return table.decode(store.read(path), SCHEMA, path, columns)


def read_rows(store: Store, number: int, shard: str, first: int, last: int) -> pa.Table:
    """Rows first to last of the index of a committed shard; of the file only the row groups they are in."""
    path = f"{round_folder(number)}/{index_file(shard)}"
    return table.decode_rows(store.read(path), SCHEMA, path, first, last)


def read_samples(store: Store, number: int, shard: str) -> Iterator[tuple[Record, str, bytes]]:
    """All samples of a committed shard: (record, extension, original bytes).

    Strict: raises DamageError at the first byte that is not as written, if a sample of the index is not there, and for
    original bytes that are not those of the record."""
    elsewhere = Originals(store)
    pictures: bytes | None = None  # the image shard, read at once: most of it is wanted
    for sample, place, archive in _walk(store, number, shard):
        if place.offset is not None and place.size is not None:
            original, path = archive[place.offset : place.offset + place.size], round_tar(number, shard)
        else:
            path = tar_path(shard)
            pictures = store.read(path) if pictures is None else pictures
            start, end = elsewhere.place(shard, sample.key)
            original = pictures[start:end]
        check_original(original, sample, path)
        yield sample, place.ext, original


def read_records(store: Store, number: int, shard: str) -> Iterator[Record]:
    """The records alone; original bytes are not looked at. Otherwise as strict as `read_samples`."""
    return (sample for sample, _, _ in _walk(store, number, shard))


def check_original(data: bytes, of: Record, path: str) -> None:
    """Raise DamageError if these are not the bytes that were ingested. path: of the tar that they are in."""
    if of.sha256 and hashlib.sha256(data).hexdigest() != of.sha256:
        raise DamageError(f"{path}: the bytes of image {of.key!r} are damaged: run `fld verify`")


def _walk(store: Store, number: int, shard: str) -> Iterator[tuple[Record, SamplePlace, bytes]]:
    """Each record with its place in the tar, and the tar."""
    path = round_tar(number, shard)
    expected = kept_samples(read_index(store, number, shard, ["key", "type", "kept", *SamplePlace._fields]))
    archive = store.read(path)
    try:
        members = {member.offset: member for member in tar.walk(archive)}
    except tar.TarError as error:
        raise DamageError(f"{path}: {error}: run `fld verify`") from error
    expected_members = [members_of(key, place) for key, place in expected]
    if len(members) != sum(map(len, expected_members)):
        per_sample = len(expected_members[0]) if expected_members else 2
        raise DamageError(
            f"{path} must hold {len(expected)} samples of {per_sample} members, got {len(members)} members: run `fld"
            " verify`"
        )
    for (key, place), mine in zip(expected, expected_members, strict=True):
        if any(members.get(member.offset) != member for member in mine):
            raise DamageError(f"{path} must hold sample {key!r} at byte {place.offset}: run `fld verify`")
        data = archive[place.record_offset : place.record_offset + place.record_size]
        if zlib.crc32(data) != place.record_crc32:
            raise DamageError(f"{path}: the record of {key!r} is damaged: run `fld verify`")
        yield record.decode(data), place, archive


def members_of(key: str, place: SamplePlace) -> list[tar.Placed]:
    """What a sample is in the tar of its shard: its record, and its original where that is there."""
    name = tar.safe_key(key)
    written = tar.Placed(f"{name}.{tar.RECORD}", place.record_offset, place.record_size)
    if place.offset is None or place.size is None:
        return [written]
    return [tar.Placed(f"{name}.{place.ext}", place.offset, place.size), written]


def kept_samples(index: pa.Table) -> list[tuple[str, SamplePlace]]:
    """(key, place) of every kept image of an index, in tar order."""
    images = index.filter(pc.and_(pc.equal(index["type"], "image"), index["kept"]))
    columns: list[list[Any]] = [images[name].to_pylist() for name in ("key", *SamplePlace._fields)]
    return [(key, SamplePlace(*place)) for key, *place in zip(*columns, strict=True)]


def _archive(
    samples: Iterable[tuple[Record, str, bytes]], number: int, kept: list[str], written: _Written, *, is_copied: bool
) -> Iterator[bytes]:
    """The tar; `written` is filled with places and facts on the way."""
    placed: list[tar.Placed] = []
    known: list[tuple[str, int]] = []  # extension and CRC-32 of the record
    expected = iter(kept)

    def members() -> Iterator[tuple[str, bytes]]:
        for sample, extension, original in samples:
            _check_sample(sample, extension, number, next(expected, None))
            written.facts[sample.key] = summary.facts_of(sample)
            name, encoded = tar.safe_key(sample.key), record.encode(sample)
            known.append((extension, zlib.crc32(encoded)))
            pair = [(extension, original), (tar.RECORD, encoded)]
            for ext, data in sorted(pair) if is_copied else pair[1:]:
                yield f"{name}.{ext}", data

    yield from tar.stream(members(), placed)
    if (missing := next(expected, None)) is not None:
        raise ValueError(f"image {missing!r} is kept in the index but no sample of it was given")
    if not is_copied:
        for key, text, (ext, checksum) in zip(kept, placed, known, strict=True):
            written.places[key] = SamplePlace(ext, None, None, text.offset, text.size, checksum)
        return
    for key, first, second, (ext, checksum) in zip(kept, placed[::2], placed[1::2], known, strict=True):
        original, text = (first, second) if ext < tar.RECORD else (second, first)
        written.places[key] = SamplePlace(ext, original.offset, original.size, text.offset, text.size, checksum)


def _linked(store: Store, shard: str) -> commit.Linked:
    images = commit.find(store, IMAGES, shard)
    if images is None:
        raise FileNotFoundError(f"image shard {shard} is not finished: run `fld ingest`")
    return commit.Linked(tar_path(shard), images.files[f"{shard}.tar"])


def _index(index: Sequence[IndexRow], shard: str, written: _Written) -> Iterator[bytes]:
    """The parquet; a generator, because the places are known only when the tar is written."""
    fields = IndexRow.__struct_fields__
    by_field = zip(*map(msgspec.structs.astuple, index), strict=True) if index else ((),) * len(fields)
    columns: dict[str, Sequence[Any]] = dict(zip(fields, by_field, strict=True))
    boxes = columns.pop("box")
    columns["shard"] = [shard] * len(index)
    places = [written.places.get(row.key) if row.type == "image" and row.kept else None for row in index]
    for position, name in enumerate(SamplePlace._fields):
        columns[name] = [None if place is None else place[position] for place in places]
    arrays = {name: pa.array(values, SCHEMA.field(name).type) for name, values in columns.items()}
    arrays["box"] = table.tuples(boxes, table.BOX_SMALL)
    written.tables.append(pa.Table.from_arrays([arrays[name] for name in SCHEMA.names], schema=SCHEMA))
    yield table.encode(written.tables[0])


def _summary(written: _Written) -> Iterator[bytes]:
    """The summary; a generator, because it follows from the index as it was written."""
    yield summary.encode(written.tables[0], written.facts)


def _check_sample(sample: Record, extension: str, number: int, key: str | None) -> None:
    if sample.key != key:
        raise ValueError(f"the next kept image of the index is {key!r}, got the sample {sample.key!r}")
    if sample.round != number:
        raise ValueError(f"record {sample.key!r} is of round {sample.round}, the shard is of round {number}")
    tar.check_extension(extension, sample.key)


def _check_index(index: Sequence[IndexRow], counts: ImageCounts) -> list[str]:
    """Keys of the kept images, in index order."""
    images = [row for row in index if row.type == "image"]
    kept = [row.key for row in images if row.kept]
    keys = {row.key for row in images}
    if len(keys) != len(images):
        raise ValueError(f"index must have one row of type 'image' per image, got {len(images)} for {len(keys)} images")
    if len(images) != counts.read or len(kept) != counts.kept:
        raise ValueError(
            f"index must have one row of type 'image' per image: counts are {counts.read} read and {counts.kept} kept,"
            f" got {len(images)} image rows, {len(kept)} of them kept"
        )
    for row in index:
        if row.kept == bool(row.rule):
            raise ValueError(
                f"{row.type} row of {row.key!r}: a dropped one names its rule and a kept one has none,"
                f" got kept={row.kept} with rule {row.rule!r}"
            )
    return kept
