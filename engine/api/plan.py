"""What a run will cost, before it is paid for: `fld plan`.

    report = plan("photos/", images=1_000_000, gpus=4)
    report.seconds / 3600                        hours from the first image to the written round
    report.disk["rounds/00"]                     bytes
    report.measured["objects"].rate              images per second of one actor

Comes in: images or a corpus, and what there is to run on. A small sample is ingested into a corpus that is thrown away,
every annotator runs on it, warm, each in a process of its own, and a round is written: every number is one of these
pictures, these annotators and this machine, or the nodes of the cluster that the run would join. Goes out: a
`PlanReport`.
"""

import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from engine.api.reports import Changes, Location
from engine.config.config import CORPUS_FILE, Config, load
from engine.corpus.session import look
from engine.forecast.forecast import Capacity, Forecast, PoolLoad, forecast, grown, needed
from engine.forecast.measure import SampledAnnotator
from engine.forecast.place import Place, driver_cpus, place_of
from engine.forecast.sample_run import Sampled, run_sample
from engine.forecast.settings_of import planned_settings
from engine.runtime.column import Column, pools
from shards.finding import GIVEN
from shards.layout import IMAGES
from shards.store import LocalStore, open_store
from specialists.spending import Spent
from stages.ingest.sample import sample_corpus, sample_sources

SAMPLE, SECONDS = 256, 60.0
SCHEDULER_S = 0.0003
"""CPU seconds of the driver per image and annotator (docs/benchmarks.md)."""


@dataclass(frozen=True)
class PerImage:
    """What one image of the list costs. *_cpu_s: of ingest, of all annotators, of the driver while annotating, of
    writing a round; picture_bytes: of its file; reads: how often actors read it; travels: bytes between driver and
    actors (Ray's object store), pictures not among them."""

    ingest_cpu_s: float
    annotators_cpu_s: float
    driver_cpu_s: float
    round_cpu_s: float
    picture_bytes: float
    reads: int
    travels: float


@dataclass(frozen=True)
class PlanReport:
    """images: of the run; sample: of them that were looked at. disk, files: folder -> bytes, and how many; of one
    round. spent: annotator -> requests and tokens of its endpoint. seconds: wall time from ingest to the written round;
    beside_s: of it, ingest and round; one_more_s: with one more GPU (CPU where there is none); wanted: what the asked
    time takes, None where none was asked. config: the settings that put the plan to work."""

    images: int
    sample: int
    measured: dict[str, SampledAnnotator]
    capacity: Capacity
    forecast: Forecast
    per_image: PerImage
    disk: dict[str, float]
    files: dict[str, int]
    spent: dict[str, Spent]
    seconds: float
    beside_s: float
    one_more_s: float
    wanted: Capacity | None
    config: Config

    @property
    def unknown(self) -> list[str]:
        """Annotators about which nothing is known, each with the reason."""
        return [f"{name}: {each.error}" for name, each in self.measured.items() if each.error]


def plan(
    source: Location,
    config: Config | Location | None = None,
    settings: Changes = (),
    *,
    images: int | None = None,
    gpus: int | None = None,
    hours: float | None = None,
    sample: int = SAMPLE,
    seconds: float = SECONDS,
    tell: Callable[[SampledAnnotator], None] = lambda _: None,
) -> PlanReport:
    """Measure and forecast. source: images as `run` takes them, or a corpus. images: how many there will be, by default
    all of the source; gpus: by default those at hand; hours: also say what it takes to be done in that time.

    sample, seconds: images, and seconds of each annotator; tell: called with each when it is measured. Raises
    SourceError, ConfigError, TrustError, and StartError where a cluster is named and none answers."""
    with tempfile.TemporaryDirectory(prefix="fld-plan-") as folder:
        store = LocalStore(Path(folder) / "corpus")
        chosen, whole, ingest_s = _sampled(store, str(source), config, settings, sample)
        with closing(place_of(chosen.engine)) as place:
            found = run_sample(store, chosen, seconds, place, tell)
            loads = _loads(found)
            capacity = _capacity(place, loads, gpus, is_serial=chosen.engine.backend == "local")
    number = whole if images is None else images
    return _report(found, loads, capacity, chosen, ingest_s, number, hours)


def _sampled(
    store: LocalStore, source: str, config: Config | Location | None, settings: Changes, count: int
) -> tuple[Config, int, float]:
    """Fills `store`. The settings, of how many images it is a sample, and CPU seconds to take in one, 0 of a corpus."""
    own = open_store(source)
    if CORPUS_FILE in own.names("") and own.names(f"{IMAGES}/manifest"):
        session = look(source, config, settings, runs=["annotators", "filters"])
        return session.config, sample_corpus(store, own, count), 0.0
    chosen = load(config, settings)
    return chosen, *sample_sources(store, [source], chosen.ingest, count)


def _report(
    found: Sampled,
    loads: list[PoolLoad],
    capacity: Capacity,
    config: Config,
    ingest_s: float,
    images: int,
    hours: float | None,
) -> PlanReport:
    loads = loads if capacity.gpus else [replace(load, on_gpu=False) for load in loads]
    foreseen = forecast(loads, capacity, images)
    driver_s = found.columns_cpu_s + SCHEDULER_S * len(found.columns)
    per_image = PerImage(
        ingest_s,
        sum(found.shares[name] * each.cpu_s for name, each in found.measured.items()),
        driver_s,
        found.round_cpu_s,
        found.picture_bytes,
        _reads(found.columns),
        sum(each.sent_bytes + each.returned_bytes for each in found.measured.values()),
    )

    def wall_s(of: Capacity) -> float:
        there = forecast(loads, of, images)
        return there.start_s + max(there.annotate_s, images * driver_s) + images * _beside_s(per_image, of)

    wanted = None
    if hours is not None:
        beside = images * _beside_s(per_image, capacity) + foreseen.start_s
        wanted = needed(loads, capacity, images, max(1.0, hours * 3600 - beside))
    size = config.ingest.shard_size
    return PlanReport(
        images,
        found.images,
        found.measured,
        capacity,
        foreseen,
        per_image,
        {name: folder.bytes(images, size) for name, folder in found.folders.items()},
        {name: folder.count(images, size) for name, folder in found.folders.items()},
        {name: _scaled(spent, found, name, images) for name, spent in found.spent.items()},
        wall_s(capacity),
        images * _beside_s(per_image, capacity),
        wall_s(grown(capacity, (capacity.gpus or int(capacity.cpus)) + 1)),
        wanted,
        planned_settings(config, found.measured, foreseen),
    )


def _beside_s(per_image: PerImage, capacity: Capacity) -> float:
    """Seconds per image of what runs before and after the annotators, on all CPUs of one machine."""
    return (per_image.ingest_cpu_s + per_image.round_cpu_s) / max(1.0, capacity.beside or capacity.cpus)


def _loads(found: Sampled) -> list[PoolLoad]:
    """Of the annotators that were measured."""
    loads = []
    for pool in pools(found.columns):
        known = [column.name for column in pool.columns if found.measured[column.name].rate]
        memory = [found.measured[name].gpu_mb for name in known]
        resources = pool.resources
        loads.append(
            PoolLoad(
                pool.name,
                sum(found.shares[name] / found.measured[name].rate for name in known),
                resources.num_cpus,
                resources.share_gpus or resources.num_gpus > 0,
                None if None in memory else sum(each or 0.0 for each in memory),
                sum(found.measured[name].load_s for name in known),
            )
        )
    return loads


def _capacity(place: Place, loads: Sequence[PoolLoad], gpus: int | None, *, is_serial: bool) -> Capacity:
    """What is there, or as many GPUs as were asked for."""
    count, gpu_mb = place.gpus() if any(load.on_gpu for load in loads) else (0, None)
    if gpus is not None and any(load.on_gpu for load in loads):
        count = gpus
    return Capacity(place.cpus(), count, gpu_mb, is_serial, place.nodes, driver_cpus() if place.nodes else None)


def _reads(columns: Sequence[Column]) -> int:
    """How often actors read a picture: once per pool, and once more for each step in which annotators of one pool wait
    for another's shard."""
    depth: dict[str, int] = {}
    for column in columns:
        depth[column.name] = 1 + max((depth[need] for need in column.needs if need != GIVEN), default=0)
    return sum(len({depth[column.name] for column in pool.columns}) for pool in pools(list(columns)))


def _scaled(spent: Spent, found: Sampled, name: str, images: int) -> Spent:
    """What the endpoint of an annotator is asked over the whole run."""
    asked = max(1, found.measured[name].images)
    factor = images * found.shares[name] / asked
    return Spent(*(round(factor * each) for each in (spent.requests, spent.prompt_tokens, spent.completion_tokens)))
