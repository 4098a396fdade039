"""Batches of a round, shuffled, the same for a seed on any number of processes, from any step on.

Comes in: a pool of images. Goes out: for step k the micro-batches of this process. An epoch is one permutation of all
trained images; image number `slot` since the start belongs to

    slot = ((step * accumulation + micro) * processes + rank) * batch + place

so that a run that goes on at step k needs to remember nothing but k. An image that cannot be read, or about which
nothing can be asked, is replaced by the next in the epoch's order; the unreadable ones are counted.
"""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from shards.errors import CorpusError, ModelError
from shards.record import Record, RecordError
from specialists.florence2_format import Task
from specialists.roles import Image
from stages.incomplete import unknown
from stages.ingest.decode import DecodeError, decode_image
from stages.ingest.settings import DecodeLimits
from stages.retrain.lessons import LessonMaker, TokenizedLesson
from stages.retrain.pool import TrainingPool
from stages.retrain.settings import RetrainSettings

if TYPE_CHECKING:
    from torch import Tensor

    from stages.retrain.loss import LessonTensors

AHEAD = 2
"""Steps whose batches are prepared before they are needed."""


UNREADABLE = (CorpusError, RecordError, DecodeError)


class RetrainError(ModelError):
    """Training cannot start or go on; the message says why and what to do."""


@dataclass(frozen=True, eq=False)
class LessonBatch:
    """pixels float32 [b, 3, S, S]; the lessons about them, and the task of each lesson, in the order of drawing."""

    pixels: "Tensor"
    groups: "list[LessonTensors]"
    tasks: list[Task]


@dataclass(frozen=True)
class ProcessRank:
    """Which process this is of how many."""

    rank: int = 0
    processes: int = 1


class Feeder:
    """Batches for one process. processor: the checkpoint's Florence2Processor."""

    def __init__(
        self, pool: TrainingPool, processor: Any, examiner: LessonMaker, settings: RetrainSettings, share: ProcessRank
    ) -> None:
        self._pool, self._examiner, self._settings, self._share = pool, examiner, settings, share
        self._images, self._pad = processor.image_processor, int(processor.tokenizer.pad_token_id)
        self._order = lru_cache(maxsize=2)(self._shuffled)
        self._limits = DecodeLimits()
        self._useless: set[int] = set()
        self.corrupt: dict[int, str] = {}

    def steps(self, start: int, stop: int) -> Iterator[list[LessonBatch]]:
        """The micro-batches of steps start..stop-1, prepared in threads."""
        plan = self._settings.recipe
        with ThreadPoolExecutor(self._settings.loader_threads, "fld-batches") as threads:
            waiting: deque[list[Future[LessonBatch]]] = deque()
            try:
                for step in range(start, stop + AHEAD):
                    if step < stop:
                        numbers = range(step * plan.accumulation, (step + 1) * plan.accumulation)
                        waiting.append([threads.submit(self.batch, number) for number in numbers])
                    if step >= start + AHEAD and waiting:
                        yield [future.result() for future in waiting.popleft()]
            finally:
                threads.shutdown(cancel_futures=True)

    def batch(self, number: int) -> LessonBatch:
        """Micro-batch `number` of this process, counted from the start of training."""
        plan = self._settings.recipe
        first = (number * self._share.processes + self._share.rank) * plan.batch
        drawn = []
        for slot in range(first, first + plan.batch):
            pixels, asked = self._usable(slot)
            rng = np.random.default_rng([self._settings.seed, 2, slot])
            drawn.append((pixels, self._examiner.draw(asked, plan.targets, rng)))
        return self._collate(drawn)

    def fixed(self, count: int, per_image: int) -> Iterator[LessonBatch]:
        """The first `count` images of the pool in batches, with the same lessons at every call; of one process's
        share. Unreadable ones are left out; every process gets equally many, some twice, so that none waits."""
        size, processes = self._settings.recipe.batch, self._share.processes
        count = min(count, len(self._pool))
        wanted = -(-count // processes)
        usable = []
        for i in ((self._share.rank + k * processes) % count for k in range(wanted)):
            with suppress(*UNREADABLE):
                pixels, asked = self._look(i)
                if pixels is not None:
                    rng = np.random.default_rng([3, i])
                    usable.append((pixels, self._examiner.draw(asked, per_image, rng)))
        usable = [usable[k % len(usable)] for k in range(wanted)] if usable else []
        for start in range(0, len(usable), size):
            yield self._collate(usable[start : start + size])

    def pictures(self, count: int) -> Iterator[tuple[Record, Image]]:
        """Records and pixels of the first `count` images of the pool, of one process's share; unreadable ones are left
        out, and those of which nobody knows whether there is more."""
        for i in range(self._share.rank, min(count, len(self._pool)), self._share.processes):
            with suppress(*UNREADABLE):
                record, original = self._pool.read(i)
                if not unknown(record):
                    yield record, decode_image(original, self._limits)

    def _usable(self, slot: int) -> tuple[Image, list[TokenizedLesson]]:
        """The image of a slot, or the next one about which something can be asked."""
        epoch, place = divmod(slot, len(self._pool))
        order = self._order(epoch)
        for i in np.roll(order, -place).tolist():
            if i in self._useless:
                continue
            try:
                pixels, asked = self._look(i)
            except UNREADABLE as error:
                self.corrupt[i] = str(error)
                self._check_budget(str(error))
            else:
                if pixels is not None:
                    return pixels, asked
            self._useless.add(i)
        raise RetrainError(
            f"round {self._pool.number}: none of {len(order)} images to train on has a readable picture and a lesson"
            f" for the tasks {', '.join(self._settings.recipe.weights)}"
        )

    def _look(self, i: int) -> tuple[Image | None, list[TokenizedLesson]]:
        """Pixels and lessons of an image; no pixels where nothing can be asked. Raises one of UNREADABLE."""
        record, original = self._pool.read(i)
        asked = self._examiner.asked(record)
        return decode_image(original, self._limits) if asked else None, asked

    def _check_budget(self, error: str) -> None:
        allowed = self._settings.corrupt_budget * len(self._pool)
        if len(self.corrupt) > allowed:
            raise RetrainError(
                f"round {self._pool.number}: {len(self.corrupt)} of {len(self._pool)} images cannot be read, the budget"
                f" is {allowed:g} (corrupt_budget {self._settings.corrupt_budget:g}); the last: {error};"
                " run `fld verify --repair` or raise the budget"
            )

    def _shuffled(self, epoch: int) -> NDArray[np.int64]:
        return np.random.default_rng([self._settings.seed, 1, epoch]).permutation(len(self._pool))

    def _collate(self, drawn: list[tuple[Image, list[TokenizedLesson]]]) -> LessonBatch:
        from stages.retrain.loss import group_lessons

        lessons = [(row, item) for row, (_, asked) in enumerate(drawn) for item in asked]
        pixels = self._images(
            images=[picture for picture, _ in drawn], input_data_format="channels_last", return_tensors="pt"
        )["pixel_values"]
        groups = group_lessons([(row, item.prompt, item.target) for row, item in lessons], self._pad)
        return LessonBatch(pixels, groups, [item.task for _, item in lessons])
