"""The sample of a plan: every annotator runs on it, a round is written, and both are measured.

Comes in: a store with the images of the sample, and the settings. Goes out: `Sampled`. An image for which an annotator
had no time is stood for by one that all have seen, so that files of the sample have the size of real ones.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from engine.config.config import Config, save
from engine.corpus.costs import accounts
from engine.corpus.memory import Memory
from engine.corpus.session import Session
from engine.forecast.disk import FolderSize, folder_sizes
from engine.forecast.measure import SampledAnnotator, SampleTask
from engine.forecast.place import Place
from engine.runtime.call import pack_findings, unpack_findings
from engine.runtime.column import Column, ordered
from engine.runtime.refilter import loaded_parser, refilter
from engine.runtime.unit import PackedRows
from shards.finding import GIVEN
from shards.images import ImageRow, read_image_rows
from shards.raw import RawRow, write_raw
from shards.reader import Corpus
from shards.store import LocalStore
from specialists.spending import Spent
from stages.ingest.sample import cpu_s

PAID = 8
"""Images of the sample that a paid endpoint is asked about, at most."""
_OF_A_RUN = {".lock": 0, "logs/run.jsonl": 0}
"""Files that a run leaves beside those of a sample."""


@dataclass(frozen=True)
class Sampled:
    """shares: annotator -> share of the images that it sees; folders: by name as on disk. *_cpu_s: per image, of
    writing all raw columns, and of writing the round. spent: annotator -> what its endpoint was asked."""

    images: int
    columns: list[Column]
    measured: dict[str, SampledAnnotator]
    shares: dict[str, float]
    folders: dict[str, FolderSize]
    picture_bytes: float
    columns_cpu_s: float
    round_cpu_s: float
    spent: dict[str, Spent]


def run_sample(
    store: LocalStore, config: Config, seconds: float, place: Place, tell: Callable[[SampledAnnotator], None]
) -> Sampled:
    """Annotate and fuse the images in `store`. seconds: per annotator, its loading aside. tell: of each when it is
    measured."""
    session = Session(store.url, store, config, memory=Memory(store))
    rows = [(shard, row) for shard, row in Corpus(store).image_rows() if row.status == "ok"]
    paid = accounts(config.annotators, store)
    columns = ordered(session.columns(0))
    measured: dict[str, SampledAnnotator] = {}
    said: dict[str, PackedRows] = {}
    for column in columns:
        only = _seen(column, rows)
        task = SampleTask(
            store,
            column,
            rows,
            {name: _heard(said[name], rows, columns, name) for name in column.needs if name != GIVEN},
            frozenset(only[:PAID] if column.name in paid else only),
            seconds,
            config.engine.decode_threads,
            is_limited=config.engine.backend != "local",
        )
        measured[column.name], said[column.name] = place.measure(task)
        tell(measured[column.name])
    start = cpu_s()
    _write_columns(store, columns, rows, said, measured)
    columns_s = cpu_s() - start
    save(config, store)
    loaded_parser(config.filters.parser)
    start = cpu_s()
    refilter(store, session.plan(0), session.skipped(), 1)
    round_s = cpu_s() - start
    counts = {shard: len(read_image_rows(store, shard)) for shard in Corpus(store).shards()}
    files = {path: len(store.read(path)) for path in store.walk()}
    return Sampled(
        len(rows),
        columns,
        measured,
        {column.name: _share(column, rows) for column in columns},
        folder_sizes(_OF_A_RUN | files, counts),
        sum(row.size or 0 for _, row in rows) / max(1, len(rows)),
        columns_s / max(1, len(rows)),
        round_s / max(1, len(rows)),
        {name: spent for name, (spent, _) in accounts(config.annotators, store).items()},
    )


def _seen(column: Column, rows: Sequence[tuple[str, ImageRow]]) -> list[int]:
    """Places of the images that a column sees; all where its subset has none of the sample."""
    if (subset := column.subset) is None:
        return list(range(len(rows)))
    return [at for at, (_, row) in enumerate(rows) if subset.has(row)] or list(range(len(rows)))


def _share(column: Column, rows: Sequence[tuple[str, ImageRow]]) -> float:
    subset = column.subset
    return 1.0 if subset is None else sum(subset.has(row) for _, row in rows) / max(1, len(rows))


def _heard(said: PackedRows, rows: Sequence[tuple[str, ImageRow]], columns: Sequence[Column], name: str) -> PackedRows:
    """Of an annotator that sees some images only, nothing about the others (as `OpenShard` has it)."""
    is_partial = next(column.subset is not None for column in columns if column.name == name)
    return dict.fromkeys(range(len(rows)), pack_findings([])) | said if is_partial else said


def _write_columns(
    store: LocalStore,
    columns: Sequence[Column],
    rows: Sequence[tuple[str, ImageRow]],
    said: Mapping[str, PackedRows],
    measured: Mapping[str, SampledAnnotator],
) -> None:
    """Raw columns of all images of the sample."""
    known = [said[column.name] for column in columns if column.subset is None and not measured[column.name].error]
    common = [at for at in range(len(rows)) if all(at in each for each in known)]
    shards: dict[str, list[int]] = {}
    for at, (shard, _) in enumerate(rows):
        shards.setdefault(shard, []).append(at)
    for column in columns:
        own, partial = said[column.name], column.subset is not None
        for shard, places in shards.items():
            found = []
            for at in places:
                donor = at if at in common or not common else common[at % len(common)]
                if donor in own or not partial:
                    found.append(RawRow(rows[at][1].key, findings=unpack_findings(own[donor]) if donor in own else []))
            write_raw(store, column.name, column.fingerprint, shard, found)
