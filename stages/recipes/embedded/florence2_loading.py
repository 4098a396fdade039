"""The scenes of a training, drawn and loaded by several processes: the same pictures, whatever their number.

    scenes drawn, a chunk per process --> what is left to chance, in one process --> pictures, a chunk per process

Chance follows from scene to scene (`draw_picks`, `draw_windows`), so that one process draws it for all of them.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from shards.finding import Box
from stages.recipes.embedded.data import CHUNK, TRAIN_SEED, drawn_scenes
from stages.recipes.embedded.florence2_batches import (
    Pick,
    School,
    draw_picks,
    joined,
    load_close_ups,
    load_school,
)
from stages.recipes.embedded.florence2_parts import draw_windows, load_parts

Loaded = tuple[School, School, School]
"""Whole scenes, parts of them, close-ups."""


@dataclass(frozen=True, eq=False)
class ChunkWork:
    """Scenes start..stop-1 with the parts and close-ups that chance gave them: the work of one process."""

    start: int
    stop: int
    windows: list[list[Box]]
    picks: list[list[Pick]]


def load_scenes(
    cache: Path, start: int, stop: int, tokenizer: Any, seed: int, workers: int = 1, chunk: int = CHUNK
) -> tuple[School, School]:
    """(whole scenes, then parts of them; close-ups) of the training scenes start..stop-1. What the cache lacks is
    drawn. chunk: scenes per file of the cache."""
    bounds = [start, *range(start - start % chunk + chunk, stop, chunk), stop]
    with _mapping(workers) as over:
        for _ in over(partial(_drawn, cache, chunk), list(pairwise(bounds))):
            pass
        records = [scene.record for scene in drawn_scenes(cache, TRAIN_SEED, start, stop, chunk)]
        windows, picks = draw_windows(records, seed), draw_picks(records)
        shares = [
            ChunkWork(a, b, windows[a - start : b - start], picks[a - start : b - start]) for a, b in pairwise(bounds)
        ]
        wholes, parts, close_ups = zip(*over(partial(_loaded, cache, chunk, tokenizer), shares), strict=True)
    return joined([*wholes, *parts]), joined(close_ups)


def _drawn(cache: Path, chunk: int, bounds: tuple[int, int]) -> None:
    for _ in drawn_scenes(cache, TRAIN_SEED, *bounds, chunk):
        pass


def _loaded(cache: Path, chunk: int, tokenizer: Any, share: ChunkWork) -> Loaded:
    drawn = list(drawn_scenes(cache, TRAIN_SEED, share.start, share.stop, chunk))
    parts = load_parts(drawn, tokenizer, share.windows)
    return load_school(drawn, tokenizer), parts, load_close_ups(drawn, tokenizer, share.picks)


@contextmanager
def _mapping(workers: int) -> Iterator[Callable[..., Iterable[Any]]]:
    """`map`, over so many processes; with one, over none but this."""
    if workers == 1:
        yield map
        return
    # Spawned: a forked process would inherit threads of torch and the tokenizer in whatever state they are.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_alone) as pool:
        yield pool.map


def _alone() -> None:
    """One thread: the other cores belong to the other processes."""
    import cv2

    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    cv2.setNumThreads(1)
