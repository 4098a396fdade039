"""Writing the shards of a round from raw columns, in worker processes; and the counts that show what a change did.

Comes in: a corpus whose columns are finished, and a `RoundPlan`. Goes out: `rounds/NN/`, and a `Tally`: how many
annotations of each type were kept, or dropped by which rule. No model is loaded: a million boxes are judged again in
minutes. A text is parsed once, in whatever round (`known_texts`). A shard whose inputs and settings did not change is
left alone.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing import get_context
from typing import TypeVar

from engine.runtime.known_texts import KnownTexts
from filters.parser import Parser, ParserSettings
from shards import commit
from shards.commit import Manifest
from shards.layout import IMAGES, raw_folder, round_folder
from shards.overview import complete_overview, withdraw_overview
from shards.reviews import Review, Reviews, adopt_reviews, merge_reviews, read_reviews
from shards.rounds import IndexRow
from shards.store import Store, open_store
from shards.summaries import read_tally
from stages.round import RoundPlan, Skipped, build_shard, read_shard, round_fingerprint, unit_fingerprint, write_shard

OUTCOME_KEPT = "kept"
IMAGES_PER_PROCESS = 1000
"""Images that are worth a process of their own: starting one costs as long as judging about as many."""
Tally = Counter[tuple[str, str]]
"""(type of annotation, rule that dropped it, or "kept") -> how many."""
_Work = tuple[str, RoundPlan, Skipped, list[Review]]
_ResultT = TypeVar("_ResultT")


@dataclass(frozen=True)
class Refiltered:
    """What writing a round did: shards written, shards that were up to date, and what is in the round now."""

    written: int
    unchanged: int
    images: commit.ImageCounts
    tally: Tally


def refilter(store: Store, plan: RoundPlan, skipped: Mapping[str, Skipped], processes: int) -> Refiltered:
    """Write every shard of the round that is not up to date. `skipped`: shard -> its images that are left out.

    Raises FileNotFoundError naming the first column that is not finished, before anything is written."""
    images = commit.committed(store, IMAGES)
    adopt_reviews(store)
    merge_reviews(store)
    reviews = read_reviews(store)  # once: one that comes meanwhile waits for the next time
    stale = _stale(store, plan, images, skipped, reviews)
    orphans = set(commit.committed(store, round_folder(plan.number))) - set(images)
    if stale or orphans:
        withdraw_overview(store, plan.number)
    work = [(shard, plan, skipped.get(shard, {}), reviews.get(shard, [])) for shard in stale]
    written = len(list(_spread(store.url, work, _write, _worthwhile(processes, images, stale), plan)))
    for orphan in orphans:
        commit.retire(store, round_folder(plan.number), orphan)
    complete_overview(store, plan.number)
    counts, tally = tally_round(store, plan.number)
    return Refiltered(written, len(images) - written, counts, tally)


def preview(store: Store, plan: RoundPlan, skipped: Mapping[str, Skipped], processes: int) -> Tally:
    """The tally that `refilter` would arrive at; writes nothing."""
    images = commit.committed(store, IMAGES)
    inputs(store, plan, images)
    total: Tally = Counter()
    reviews = read_reviews(store)
    work = [(shard, plan, skipped.get(shard, {}), reviews.get(shard, [])) for shard in images]
    for part in _spread(store.url, work, _count, _worthwhile(processes, images, list(images)), plan):
        total.update(part)
    return total


def tally_round(store: Store, number: int) -> tuple[commit.ImageCounts, Tally]:
    """What a written round holds, from its manifests; from its index where an older release wrote a shard."""
    total: Tally = Counter()
    done = commit.committed(store, round_folder(number))
    for manifest in done.values():
        for type_, outcomes in read_tally(store, number, manifest).items():
            total.update({(type_, rule or OUTCOME_KEPT): count for rule, count in outcomes.items()})
    counts_of = [manifest.counts for manifest in done.values()]
    counts = commit.ImageCounts(
        sum(c.read for c in counts_of),
        sum(c.kept for c in counts_of),
        sum(c.dropped for c in counts_of),
        sum(c.failed for c in counts_of),
    )
    return counts, total


def _stale(
    store: Store, plan: RoundPlan, images: dict[str, Manifest], skipped: Mapping[str, Skipped], reviews: Reviews
) -> list[str]:
    """Shards whose round unit is missing or was made of something else."""
    manifests = inputs(store, plan, images)
    whole = round_fingerprint(plan, Parser(plan.filters.parser))
    done = commit.committed(store, round_folder(plan.number))
    return [
        shard
        for shard in images
        if shard not in done
        or done[shard].fingerprint
        != unit_fingerprint(plan, whole, manifests[shard], skipped.get(shard, {}), reviews.get(shard, []))
    ]


def inputs(store: Store, plan: RoundPlan, images: dict[str, Manifest]) -> dict[str, list[Manifest]]:
    """Shard -> manifests of its image unit and of each column's. Raises FileNotFoundError if a column lacks a shard."""
    columns = {
        voter.name: commit.committed(store, raw_folder(voter.name, voter.fingerprint)) for voter in plan.annotators
    }
    learned = {voter.name for voter in plan.annotators if voter.round > 0}
    for name, done in columns.items():
        if missing := [shard for shard in images if shard not in done]:
            raise FileNotFoundError(
                f"annotator {name} has not finished shard {missing[0]} ({len(missing)} of {len(images)} missing):"
                f" run `fld {'loop' if name in learned else 'annotate'}` first"
            )
    return {shard: [images[shard], *(done[shard] for done in columns.values())] for shard in images}


def _worthwhile(processes: int, images: dict[str, Manifest], shards: list[str]) -> int:
    """How many processes the work in these shards is worth, at most `processes`."""
    count = sum(images[shard].counts.read for shard in shards)
    return min(processes, len(shards), count // IMAGES_PER_PROCESS)


def _spread(
    url: str, work: Sequence[_Work], task: Callable[[_Work], _ResultT], processes: int, plan: RoundPlan
) -> Iterator[_ResultT]:
    """`task` over `work`, in order, in this process or in several."""
    if not work:
        return
    if processes < 2:
        _start(url, plan)
        yield from map(task, work)
        return
    with ProcessPoolExecutor(processes, get_context("spawn"), _start, (url, plan)) as pool:
        yield from pool.map(task, work)


@lru_cache(maxsize=1)
def loaded_parser(settings: ParserSettings) -> Parser:
    """The parser, once per process: it takes a third of a second to load."""
    parser = Parser(settings)
    parser.load()
    return parser


_store: Store
_texts: KnownTexts


def _start(url: str, plan: RoundPlan) -> None:
    """Once per worker process. The parser is loaded with the first text that nobody has read."""
    global _store, _texts
    settings = plan.filters.parser
    _store = open_store(url)
    _texts = KnownTexts(_store, Parser(settings).fingerprint(), lambda: loaded_parser(settings))


def _write(work: _Work) -> str:
    shard, plan, skipped, reviews = work
    texts = _texts.of(shard)
    write_shard(_store, shard, plan, skipped, texts, reviews)
    texts.keep()
    return shard


def _count(work: _Work) -> Tally:
    shard, plan, skipped, reviews = work
    outcomes = build_shard(*read_shard(_store, shard, plan), plan, skipped, _texts.of(shard), reviews)
    return Counter((row.type, _outcome_of(row)) for outcome in outcomes for row in outcome.rows)


def _outcome_of(row: IndexRow) -> str:
    return OUTCOME_KEPT if row.kept else row.rule
