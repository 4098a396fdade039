"""The summary of a shard of a round: read where it is, made where an older release wrote the round.

read_summary(store, 0, manifest)               a pyarrow.Table, columns in shards/summary.py
add_summary(store, 0, manifest)                writes it beside the shard; tar and index stay as they are
"""

from collections.abc import Iterator

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from shards import commit, record, rounds, summary, table
from shards.commit import Manifest, RuleCounts
from shards.errors import CorpusError
from shards.layout import round_folder, round_tar, summary_file
from shards.store import Store
from shards.summary import RecordFacts


def has_summary(manifest: Manifest) -> bool:
    """Whether the shard was written with a summary, of whatever version."""
    return summary_file(manifest.name) in manifest.files


def read_summary(store: Store, number: int, manifest: Manifest, columns: list[str] | None = None) -> pa.Table:
    """The summary of a committed shard; made from index and records, and not written, if there is none of this
    version."""
    path = f"{round_folder(number)}/{summary_file(manifest.name)}"
    if has_summary(manifest):
        data = store.read(path)
        if is_current(data, path):
            return table.decode(data, summary.SCHEMA, path, columns)
    made = make_summary(store, number, manifest.name)[0]
    return made if columns is None else made.select(columns)


def add_summary(store: Store, number: int, manifest: Manifest) -> Manifest:
    """Write the summary and the tally of a shard that lacks them. Only for the holder of the corpus lock."""
    made, tally = make_summary(store, number, manifest.name)
    files = {summary_file(manifest.name): table.encode(made)}
    return commit.extend(store, round_folder(number), manifest, files, tally)


def make_summary(store: Store, number: int, shard: str) -> tuple[pa.Table, RuleCounts]:
    """Summary and tally of a shard, from its index and records."""
    index = rounds.read_index(store, number, shard)
    return summary.summary_table(index, dict(_facts(store, number, shard, index))), summary.tally_index(index)


def read_tally(store: Store, number: int, manifest: Manifest) -> RuleCounts:
    """The tally of a shard: its manifest's, else counted in its index."""
    if not isinstance(manifest.tally, msgspec.UnsetType):
        return manifest.tally
    return summary.tally_index(rounds.read_index(store, number, manifest.name, ["type", "rule"]))


def is_current(data: bytes, path: str) -> bool:
    """Whether a summary is of the version that this release writes. Raises CorpusError if it is no parquet file."""
    try:
        found = pq.read_schema(pa.BufferReader(data)).metadata or {}
    except (pa.ArrowException, OSError) as error:
        raise CorpusError(f"{path} is damaged: {error}; `fld verify --repair` writes it again") from error
    return bool(found.get(b"fld_version") == summary.SCHEMA.metadata[b"fld_version"])


def _facts(store: Store, number: int, shard: str, index: pa.Table) -> Iterator[tuple[str, RecordFacts]]:
    """Facts of every kept image, read by ranges: a tar is mostly pictures."""
    for key, place in rounds.kept_samples(index):
        data = store.read(round_tar(number, shard), place.record_offset, place.record_offset + place.record_size)
        yield key, summary.facts_of(record.decode(data))
