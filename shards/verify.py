"""Reading a whole corpus again: is every finished unit still what was written?

Comes in: a store. Goes out: a report of damages (unit, file, image, reason) and of files that belong to no unit.

    images/000003: 000003.tar: CRC-32 is 5f3a9c01, 0badcafe was written (image 'dog': its bytes changed)

Checked are the manifests themselves, size and checksum of every file, that the rows of a table add up to the counts of
its manifest, and that units agree with the image shard they were made from. `retire_damaged` then withdraws exactly the
damaged units; the next run writes them again, and the others are not touched. Models (`rounds/00/model`, and what was
found out about their scores) and people's corrections are read, too, but never withdrawn: training again gives another
model, and nobody corrects twice.
"""

import hashlib
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import PurePath
from random import Random
from typing import NamedTuple

import pyarrow.compute as pc

from shards import commit, images, raw, record, reviews, rounds, table, tar
from shards.commit import Damage, Manifest
from shards.completeness import PLAN, ShardGaps, find_missing
from shards.errors import CorpusError, DamageError
from shards.layout import CALIBRATION, IMAGES, MODEL, RAW, REVIEWS, ROUNDS, TEXTS, manifest_path, round_tar
from shards.seal import SEAL, broken
from shards.store import PART, Store

_Units = dict[tuple[str, str], Manifest | None]

_ROUND = re.compile(rf"{ROUNDS}/(\d+)")
_MANIFEST = re.compile(r"(.+)/manifest/([^/]+)\.json")
_MODEL = re.compile(rf"{ROUNDS}/\d+/model(?:-[^/]+)?")
_TRAINED = re.compile(rf"({_MODEL.pattern})/training\.json")
_MODEL_MANIFEST = re.compile(rf"{_MODEL.pattern}/manifest/[^/]+\.json")
_NOT_UNITS = re.compile(
    rf"{TEXTS}/|{ROUNDS}/\d+/((report|model(-[^/]+)?|training-[^/]+)/|promotion(-[^/]+)?\.json(\.seal)?$)"
)
"""What is checked where it is used, or by others: of texts/, a memory that may be lost, by whoever reads it."""
_CALIBRATED = re.compile(rf"({_MODEL.pattern})/(calibration)\.json")
_LOST_PART = re.compile(rf"{PLAN} part (\d+) is missing")
NO_MANIFEST = "no manifest names it: that was deleted, or the run that wrote it was killed"
_SHARD = re.compile(r"(.+)/(\d{6})\.\w+|.+/(lookup|overview)/[^/]+")
"""A file of a unit, by its name."""
_PARTS = ("shards", "index", "summary", "originals")
"""Folders below a round in which the files of its units are."""
_UNIT_FOLDERS = (f"{IMAGES}/", f"{RAW}/", f"{ROUNDS}/", f"{CALIBRATION}/", f"{REVIEWS}/")


@dataclass(frozen=True)
class UnitDamage:
    """A damage and the unit it is in."""

    folder: str
    name: str
    damage: Damage

    def __str__(self) -> str:
        path, reason, key = self.damage
        return f"{self.folder} {self.name}: {path}: {reason}" + (f" (image {key!r})" if key else "")


@dataclass(frozen=True)
class VerifyReport:
    """What was read and what is wrong. units: all of the corpus; read: those whose files, of so many bytes, were
    compared with their checksums. orphans: files in unit folders that no manifest names; unsealed: folders of
    models of an older release, which have no checksums; unfinished: planned image shards of which nothing is there."""

    units: int
    read: int
    files: int
    bytes: int
    damages: list[UnitDamage]
    orphans: list[str]
    unsealed: list[str]
    unfinished: list[str]

    @property
    def ok(self) -> bool:
        """Nothing is damaged. Orphans are only leftovers of a killed run."""
        return not self.damages

    @property
    def of_models(self) -> list[UnitDamage]:
        """Those damages of models, which nothing repairs."""
        return [damage for damage in self.damages if is_model(damage.folder)]

    @property
    def of_reviews(self) -> list[UnitDamage]:
        """Those of people's corrections, which nothing repairs either."""
        return [damage for damage in self.damages if damage.folder == REVIEWS]

    @property
    def of_single_files(self) -> list[UnitDamage]:
        """Those of corpus.yaml and the like, which nothing repairs either."""
        return [damage for damage in self.damages if not damage.folder]


def verify(
    store: Store, progress: Callable[[str], None] | None = None, *, sample: float = 1.0, seed: int | None = None
) -> VerifyReport:
    """Read every committed unit. `progress` is told each unit's path before it is read.

    sample: the share of units, chosen by chance (the same for the same seed), whose files are read; of the others it is
    only checked that manifest and files are there. Raises CorpusError if another version of this package wrote the
    corpus."""
    paths = store.walk()
    units = _units(store, paths)
    chosen = _chosen(units, sample, seed)
    there = frozenset(paths)
    damages: list[UnitDamage] = []
    files = size = 0
    for (folder, name), manifest in units.items():
        if progress is not None:
            progress(f"{folder}/{name}")
        if manifest is None:
            in_unit = [Damage(manifest_path(folder, name), "the manifest is damaged")]
        elif (folder, name) not in chosen:
            in_unit = _absent(there, folder, manifest) or _disagreements(units, folder, manifest)
        else:
            in_unit = _content(store, folder, manifest) or _disagreements(units, folder, manifest)
            files += len(manifest.files)
            size += sum(entry.bytes for entry in manifest.files.values())
        damages += [UnitDamage(folder, name, damage) for damage in in_unit]
    alone = [f"{REVIEWS}/{name}.parquet" for name in reviews.orphans(store)]
    damages += [UnitDamage(*_unit_of(path), Damage(path, NO_MANIFEST)) for path in alone]
    orphans = [path for path in _orphans(paths, units) if path not in alone]
    damages += [UnitDamage(*_unit_of(path), Damage(path, NO_MANIFEST)) for path in orphans if _SHARD.fullmatch(path)]
    damages += [*_broken_seals(store, paths), *_uncalibrated(paths, units)]
    models = [match[1] for path in paths if (match := _TRAINED.fullmatch(path))]
    models = [folder for folder in models if (folder, MODEL) not in units]
    damages += [
        UnitDamage(folder, MODEL, Damage(folder, NO_MANIFEST)) for folder in models if _was_sealed(store, folder)
    ]
    missing = _missing(store)
    damages += [damage for damage in _lost_parts(missing) if (damage.folder, damage.name) not in units]
    return VerifyReport(
        len(units),
        len(chosen),
        files,
        size,
        list(dict.fromkeys(damages)),
        [path for path in orphans if not _SHARD.fullmatch(path)],
        [folder for folder in models if not _was_sealed(store, folder)],
        missing.unfinished,
    )


def retire_damaged(store: Store, damages: list[UnitDamage]) -> list[tuple[str, str]]:
    """Withdraw the damaged units, so that the next run writes them again, and return (folder, name) of each. Models
    and corrections stay as they are."""
    mended = [damage for damage in damages if damage.folder and not is_unique(damage.folder)]
    units = sorted({(damage.folder, damage.name) for damage in mended})
    for folder, name in units:
        commit.retire(store, folder, name)
    for damage in mended:
        if damage.damage.reason == NO_MANIFEST:
            store.remove(damage.damage.path)  # a column that is not in force any more is written by nobody again
    return units


def is_model(folder: str) -> bool:
    """Whether a unit's folder is that of a trained model."""
    return _MODEL.fullmatch(folder) is not None


def is_unique(folder: str) -> bool:
    """Whether nothing writes such a unit again: models and people's corrections."""
    return is_model(folder) or folder == REVIEWS


def _units(store: Store, paths: list[str]) -> _Units:
    """Every manifest of the corpus, None where it is damaged."""
    matches = [
        _MANIFEST.fullmatch(path) for path in paths if _MODEL_MANIFEST.fullmatch(path) or not _NOT_UNITS.match(path)
    ]
    names = [match.groups() for match in matches if match]
    return {(folder, name): commit.find(store, folder, name) for folder, name in names}


def _chosen(units: _Units, sample: float, seed: int | None) -> frozenset[tuple[str, str]]:
    """The units that are read: at least one where there are any."""
    if sample >= 1.0 or not units:
        return frozenset(units)
    return frozenset(Random(seed).sample(sorted(units), max(1, round(sample * len(units)))))


def _absent(there: frozenset[str], folder: str, manifest: Manifest) -> list[Damage]:
    """Files of a unit that are gone."""
    paths = [f"{folder}/{path}" for path in manifest.files]
    return [Damage(path, "is missing") for path in paths if path not in there]


def _unit_of(path: str) -> tuple[str, str]:
    """Folder and name of the unit to which a file belongs by its name."""
    folder, _, file = path.rpartition("/")
    above, _, last = folder.rpartition("/")
    return (above if last in _PARTS and _ROUND.fullmatch(above) else folder), file.partition(".")[0]


def _broken_seals(store: Store, paths: list[str]) -> Iterator[UnitDamage]:
    """corpus.yaml and the like that are not what was sealed."""
    there = {*paths}
    for path in paths:
        file = path.removesuffix(SEAL)
        if path != file and (reason := broken(store, file, store.read(file) if file in there else None)):
            yield UnitDamage("", file, Damage(file, reason))


def _uncalibrated(paths: list[str], units: _Units) -> Iterator[UnitDamage]:
    for path in paths:
        match = _CALIBRATED.fullmatch(path)
        if match and (match[1], match[2]) not in units:
            yield UnitDamage(match[1], match[2], Damage(path, NO_MANIFEST))


def _was_sealed(store: Store, model: str) -> bool:
    """Whether the release that trained a model gave it checksums."""
    return b'"sealed":true' in store.read(f"{model}/training.json").replace(b" ", b"")


def _missing(store: Store) -> ShardGaps:
    """What the plan says is not there; nothing where the plan itself is damaged, which its own unit says."""
    try:
        return find_missing(store)
    except DamageError:
        return ShardGaps(0)


def _lost_parts(missing: ShardGaps) -> Iterator[UnitDamage]:
    """Parts of the plan that are gone with their files."""
    for reason in missing.damaged:
        if match := _LOST_PART.fullmatch(reason):
            yield UnitDamage(PLAN, match[1], Damage(manifest_path(PLAN, match[1]), NO_MANIFEST))


def _orphans(paths: list[str], units: _Units) -> list[str]:
    """Files in unit folders that no manifest names. Those of a unit whose manifest is damaged are known by its name."""
    claimed = {manifest_path(folder, name) for folder, name in units}
    for (folder, name), manifest in units.items():
        if manifest is None:
            claimed.update(path for path in paths if path.startswith(f"{folder}/") and PurePath(path).stem == name)
        else:
            claimed.update(f"{folder}/{path}" for path in manifest.files)
    return [
        path
        for path in paths
        if path.startswith(_UNIT_FOLDERS)
        and path not in claimed
        and not path.endswith(PART)
        and not _NOT_UNITS.match(path)
    ]


def _content(store: Store, folder: str, manifest: Manifest) -> list[Damage]:
    """Damages of one unit: its files against their checksums, then its rows against its counts."""
    damages = commit.verify_unit(store, folder, manifest)
    if damages:
        return [part for damage in damages for part in _by_sample(store, folder, manifest.name, damage)]
    try:
        rows = _row_counts(store, folder, manifest.name)
    except FileNotFoundError as error:
        return [Damage(manifest_path(folder, manifest.name), f"names no table: {error.filename or error} is missing")]
    promised = (manifest.counts.read, manifest.counts.kept)
    if rows is None or rows == promised:
        return []
    reason = (
        f"its table has {rows[0]} images, {rows[1]} of them kept; its manifest says {promised[0]} and {promised[1]}"
    )
    return [Damage(manifest_path(folder, manifest.name), reason)]


def _disagreements(units: _Units, folder: str, manifest: Manifest) -> list[Damage]:
    """A unit that was made from other images than its shard holds now."""
    source = units.get((IMAGES, manifest.name))
    if source is None:
        return []
    read, there = manifest.counts.read, source.counts
    if folder.startswith(f"{RAW}/") and read > there.kept:
        return [Damage(manifest_path(folder, manifest.name), f"annotates {read} images, its shard has {there.kept}")]
    if _ROUND.fullmatch(folder) and read != there.read:
        return [Damage(manifest_path(folder, manifest.name), f"judges {read} images, its shard has {there.read}")]
    return []


def _row_counts(store: Store, folder: str, name: str) -> tuple[int, int] | None:
    """(images, images kept) by the rows of a unit's table; None for a unit of another kind."""
    if folder == IMAGES or folder.startswith(f"{RAW}/"):
        schema = images.SCHEMA if folder == IMAGES else raw.SCHEMA
        path = f"{folder}/{name}.parquet"
        status = table.decode(store.read(path), schema, path, ["status"])["status"].to_pylist()
        return len(status), status.count("ok")
    if folder == REVIEWS:
        path = f"{folder}/{name}.parquet"
        count = len(table.decode(store.read(path), reviews.SCHEMA, path, ["key"]))
        return count, count
    if match := _ROUND.fullmatch(folder):
        index = rounds.read_index(store, int(match[1]), name, ["type", "kept"])
        kept = index.filter(pc.equal(index["type"], "image"))["kept"].to_pylist()
        return len(kept), sum(kept)
    return None


def _by_sample(store: Store, folder: str, name: str, damage: Damage) -> list[Damage]:
    """The damaged samples of a damaged tar, if its table is whole and says where they are; else the damage itself."""
    if not damage.path.endswith(".tar"):
        return [damage]
    try:
        is_image_tar = folder == IMAGES or "/originals/" in damage.path
        members = _image_members(store, name) if is_image_tar else _round_members(store, folder, name)
        in_samples = [
            Damage(damage.path, f"{damage.reason}; {reason}", member.key)
            for member in members
            if (reason := _compare(store, damage.path, member))
        ]
    except (FileNotFoundError, CorpusError):
        return [damage]
    return in_samples or [damage]


class _Member(NamedTuple):
    """A member as it was written. same: whether a payload is the one that was written."""

    key: str
    name: str
    offset: int
    size: int
    same: Callable[[bytes], bool]


def _compare(store: Store, path: str, member: _Member) -> str:
    """What is wrong with a member in the tar; "" if nothing is."""
    head = tar.header(member.name, member.size)
    end = member.offset + member.size
    data = store.read(path, member.offset - len(head), end + -member.size % tar.BLOCK)
    if len(data) < len(head) + member.size:
        return f"{member.name} is cut off or missing"
    if data[: len(head)] != head:
        return f"the header of {member.name} is damaged"
    if not member.same(data[len(head) : len(head) + member.size]):
        return f"the bytes of {member.name} are damaged"
    return ""


def _image_members(store: Store, shard: str) -> list[_Member]:
    return [
        _Member(row.key, f"{tar.safe_key(row.key)}.{row.ext}", row.offset, row.size, _has_sha256(row.sha256))
        for row in images.read_image_rows(store, shard)
        if row.offset is not None and row.size is not None
    ]


def _round_members(store: Store, folder: str, shard: str) -> Iterator[_Member]:
    """Those of each sample. The checksum of an original stands in its record, so its bytes are looked at if that is
    whole."""
    number = int(folder.removeprefix(f"{ROUNDS}/"))
    for key, place in rounds.kept_samples(rounds.read_index(store, number, shard)):
        data = store.read(round_tar(number, shard), place.record_offset, place.record_offset + place.record_size)
        whole = zlib.crc32(data) == place.record_crc32
        sha256 = record.decode(data).sha256 if whole else ""
        for member in rounds.members_of(key, place):
            is_record = member.offset == place.record_offset
            same = _has_crc32(place.record_crc32) if is_record else _has_sha256(sha256)
            yield _Member(key, *member, same)


def _has_sha256(sha256: str) -> Callable[[bytes], bool]:
    return lambda data: not sha256 or hashlib.sha256(data).hexdigest() == sha256


def _has_crc32(crc32: int) -> Callable[[bytes], bool]:
    return lambda data: zlib.crc32(data) == crc32
