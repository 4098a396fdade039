"""Is everything there that was planned? Asked before every verb, answered from names and manifests.

    images/plan/000000.parquet   says that shards 000000 to 000002 exist
    images/manifest/             has 000000.json and 000002.json: shard 000001 is missing

A shard whose files are there without their manifest, a manifest that cannot be read, and a gap in the plan are damage;
a shard of which nothing is there was never finished.
"""

import os
from dataclasses import dataclass, field
from pathlib import Path
from shlex import quote

import pyarrow as pa
import pyarrow.parquet as pq

from shards import commit
from shards.errors import CorpusError, DamageError
from shards.layout import IMAGES, shard_name
from shards.store import LocalStore, Store

PLAN = f"{IMAGES}/plan"
_LOCK = ".lock"
"""How the names of locks begin."""
_SHOWN = 3


@dataclass(frozen=True)
class ShardGaps:
    """planned: image shards that the plan names. damaged: what was there and is not, each with its reason; unfinished:
    shards that nobody wrote yet."""

    planned: int
    damaged: list[str] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)

    @property
    def error(self) -> CorpusError | None:
        """What ends a verb that needs all images; None if nothing is missing."""
        if self.damaged:
            return DamageError(
                f"{len(self.damaged)} parts of the corpus are damaged or lost: {_some(self.damaged)}:"
                " `fld verify --repair` writes them again, or `fld ingest` with the same images"
            )
        if self.unfinished:
            return CorpusError(
                f"ingest is not finished: {len(self.unfinished)} of {self.planned} planned image shards are not there"
                f" ({_some(self.unfinished)}): `fld ingest` or `fld run` with the same images goes on"
            )
        return None


def find_missing(store: Store) -> ShardGaps:
    """What the plan names and the shards lack. A corpus without a plan, as a program writes it, lacks nothing."""
    damaged = [f"{PLAN} {reason}" for reason in _gaps(store)]
    planned = {shard for part in commit.committed(store, PLAN) for shard in _shards_of(store, part)}
    done = commit.committed(store, IMAGES)
    files = {*store.names(IMAGES)}
    manifests = {*store.names(f"{IMAGES}/manifest")}
    unfinished = []
    for shard in sorted((planned | {name.removesuffix(".json") for name in manifests}) - done.keys()):
        if f"{shard}.json" in manifests:
            damaged.append(f"images/manifest/{shard}.json is damaged")
        elif {f"{shard}.tar", f"{shard}.parquet"} <= files:
            damaged.append(f"images/manifest/{shard}.json is missing")
        else:
            unfinished.append(shard)
    if planned:
        damaged += [f"{PLAN} lacks shard {shard}" for shard in sorted(done.keys() - planned)]
    return ShardGaps(len(planned), damaged, unfinished)


def check_corpus(store: Store, *, may_be_new: bool) -> None:
    """Raise CorpusError for a folder that holds other things than a corpus: no verb writes there, or tidies up.

    may_be_new: an empty folder, and one that is not there, are fine, too."""
    if store.names(f"{IMAGES}/manifest") or store.names(f"{PLAN}/manifest") or "corpus.yaml" in store.names(""):
        return
    if not may_be_new:
        raise CorpusError(f"{store.url} is no corpus: it holds no images; `fld run IMAGES {store.url}` makes one")
    if others := [path for path in _top(store) if not path.startswith(_LOCK)]:
        raise CorpusError(
            f"{store.url} is no corpus and not empty (it holds {_some(others)}): name a folder of its own for the"
            " corpus"
        )


def check_whole(store: Store) -> None:
    """Raise DamageError or CorpusError unless every planned image shard is there."""
    if (error := find_missing(store).error) is not None:
        raise error


def check_round(store: Store, folder: str, corpus: str) -> None:
    """Raise DamageError if a shard of a round is damaged, CorpusError if the round lacks an image shard."""
    manifests = [name.removesuffix(".json") for name in store.names(f"{folder}/manifest")]
    done = commit.committed(store, folder)
    if lost := sorted({*manifests} - done.keys()):
        raise DamageError(
            f"{folder}/manifest/{lost[0]}.json is damaged ({len(lost)} are): `fld filter {quote(corpus)}` writes the"
            " shard again"
        )
    if lacking := sorted(commit.committed(store, IMAGES).keys() - done.keys()):
        raise CorpusError(
            f"{folder} lacks {len(lacking)} image shards ({_some(lacking)}): `fld filter {quote(corpus)}` writes them"
        )


def _top(store: Store) -> list[str]:
    """Names of files and folders directly in the folder of the corpus."""
    if not isinstance(store, LocalStore):
        return sorted({path.partition("/")[0] for path in store.walk()})
    folder = Path(store.url)
    return sorted(os.listdir(folder)) if folder.exists() else []


def _gaps(store: Store) -> list[str]:
    """Parts of the plan that are not as they were: damaged manifests, files without one, numbers left out."""
    there = {name.removesuffix(".json") for name in store.names(f"{PLAN}/manifest")}
    done = commit.committed(store, PLAN)
    files = {name.removesuffix(".parquet") for name in store.names(PLAN) if name.endswith(".parquet")}
    last = max((int(name) for name in there | files if name.isdecimal()), default=-1)
    reasons = [f"manifest {name} is damaged" for name in sorted(there - done.keys())]
    reasons += [f"part {shard_name(i)} is missing" for i in range(last + 1) if shard_name(i) not in there]
    return reasons


def _shards_of(store: Store, part: str) -> set[str]:
    path = f"{PLAN}/{part}.parquet"
    try:
        found = pq.read_table(pa.BufferReader(store.read(path)), columns=["shard"], use_threads=False)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise DamageError(f"{path} is damaged: {error}: `fld ingest` with the same images writes it again") from error
    if not pa.types.is_integer(found.schema.field("shard").type):
        raise DamageError(f"{path} is another table: `fld ingest` with the same images writes it again")
    return {shard_name(number) for number in found["shard"].unique().to_pylist()}  # not one per image


def _some(names: list[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
