"""A small corpus that stands for a large one: some of the images of a list, or of a corpus, spread evenly over it.

    sample_sources(store, ["photos/"], settings, 256)   SampledSources(1204, 0.0021): images that the sources name, CPU
                                                        seconds to take in one; store holds 256 of them
    sample_corpus(store, corpus, 256)                   90211    likewise of a corpus

The images lie in two shards, one about twice as large as the other, so that what a file costs apart from its images can
be told from what each image adds (`engine/forecast/disk.py`).
"""

import resource
import tempfile
from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeVar

from shards.images import ImageRow, read_image, read_image_rows, write_images
from shards.layout import shard_name
from shards.lookup import complete_lookup
from shards.reader import Corpus
from shards.store import LocalStore, Store
from stages.ingest.entry import Entry, SourceError
from stages.ingest.fetch import Fetcher
from stages.ingest.ingest import ingest
from stages.ingest.keys import assign_keys
from stages.ingest.left_out import LeftOut
from stages.ingest.listing import listed
from stages.ingest.plan import IngestPlan, extend_plan
from stages.ingest.secrets import public
from stages.ingest.settings import IngestSettings
from stages.ingest.sources import read_sources

T = TypeVar("T")
FEW = 3
"""Images in two shards, as the sample is."""
_SHARDS_READ = 8


class SampledSources(NamedTuple):
    """images: that the sources name; ingest_cpu_s: CPU seconds of all processes per image, their start aside."""

    images: int
    ingest_cpu_s: float


def sample_sources(store: Store, sources: list[str], settings: IngestSettings, count: int) -> SampledSources:
    """Ingest `count` of the images that the sources name. Raises SourceError for none.

    What it takes to start is told from what an image takes by the first few of the sample, taken in once before."""
    fetcher = Fetcher(settings.fetch, [*sources, settings.root or ""])
    entries = read_sources(sources, settings, fetcher.read_list, LeftOut())
    wanted, _ = assign_keys(entries, settings, IngestPlan(settings.shard_size))
    if not len(wanted):
        raise SourceError(f"no image in {', '.join(map(public, sources))}")
    places = spread(range(len(wanted)), count)
    chosen = [wanted.placed(wanted.nth(place)) for place in places]
    few = chosen[:FEW]
    with tempfile.TemporaryDirectory(prefix="fld-plan-") as folder:
        start_s = _ingested(LocalStore(folder), few, settings, fetcher)
    all_s = _ingested(store, chosen, settings, fetcher)
    more = len(chosen) - len(few)
    return SampledSources(len(wanted), max(0.0, all_s - start_s) / more if more else start_s / len(few))


def _ingested(store: Store, chosen: Sequence[Entry], settings: IngestSettings, fetcher: Fetcher) -> float:
    """Take them in; CPU seconds."""
    small = settings.model_copy(update={"shard_size": larger_shard(len(chosen)), "failure_budget": 1.0})
    start = cpu_s()
    plan = IngestPlan(small.shard_size)
    extend_plan(store, plan, listed(plan.scratch, chosen))
    ingest(store, [], small, fetcher=fetcher)
    return cpu_s() - start


def cpu_s() -> float:
    """CPU seconds of this process and of those that it has waited for."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in used)


def sample_corpus(store: Store, corpus: Store, count: int) -> int:
    """Copy `count` of the good images of a corpus, from at most eight of its shards; returns how many it has."""
    manifests = Corpus(corpus).shards()
    shards = spread(list(manifests), _SHARDS_READ)
    rows = [(shard, row) for shard in shards for row in read_image_rows(corpus, shard) if row.status == "ok"]
    chosen = spread(rows, count)
    size = larger_shard(len(chosen))
    for number, start in enumerate(range(0, len(chosen), size)):
        write_images(store, shard_name(number), _copied(corpus, chosen[start : start + size]))
    complete_lookup(store)
    return sum(manifest.counts.kept for manifest in manifests.values())


def larger_shard(count: int) -> int:
    """Two thirds of the images, at least one."""
    return max(1, -(-2 * count // 3))


def spread(items: Sequence[T], count: int) -> list[T]:
    """`count` of them at equal distances, all where there are no more."""
    if len(items) <= count:
        return list(items)
    return [items[place * len(items) // count] for place in range(count)]


def _copied(corpus: Store, chosen: Sequence[tuple[str, ImageRow]]) -> Iterator[tuple[ImageRow, bytes | None]]:
    return ((row, read_image(corpus, shard, row)) for shard, row in chosen)
