"""From an exception to the one line that is kept, and from many failures to the end of the run.

Comes in: whatever a stage, a decoder or a store raised. Goes out: a `Failure`, whose `error` is stored in the raw
column and is therefore the same in every run: no addresses, no process ids, no amounts of free memory.

    ValueError("images[0] must be uint8")        -> error: ValueError: images[0] must be uint8
    torch.OutOfMemoryError("Tried to allocate")  -> oom: OutOfMemoryError
"""

import re
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from shards.errors import StoppedError
from specialists.roles import ItemError, MissingRequirementError, RunStopError

T = TypeVar("T")
MAX_ERROR_CHARS = 300
SHOWN = 10
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{4,}")
_PROCESS = re.compile(r"\b(pid|process|thread)([ =:]+)\d+", re.IGNORECASE)
_OOM_TEXT = re.compile(r"out of memory|CUBLAS_STATUS_ALLOC_FAILED|CUDNN_STATUS_ALLOC_FAILED", re.IGNORECASE)


@dataclass(frozen=True)
class Failure:
    """kind "item": `index` is the image of the batch that alone is to blame; "stop": none is, and the run ends.
    `detail`: the traceback."""

    kind: Literal["error", "oom", "item", "stop"]
    error: str
    detail: str = ""
    index: int = -1


def attempt(work: Callable[[], T]) -> T | Failure:
    """The sample boundary: the one place of the project where any exception becomes data.

    SystemExit too: a library that calls `sys.exit` in the middle of a batch must not end the actor, far less the run.
    """
    try:
        return work()
    except (Exception, SystemExit) as error:  # noqa: BLE001
        return failure_of(error)


def failure_of(error: BaseException) -> Failure:
    """What is kept of an exception."""
    detail = "".join(traceback.format_exception(error))
    if isinstance(error, ItemError):
        return Failure("item", one_line(f"item: {error.reason}"), detail, error.index)
    if isinstance(error, RunStopError):
        return Failure("stop", one_line(str(error)), detail)
    name = type(error).__name__
    if is_out_of_memory(error):
        return Failure("oom", f"oom: {name}", detail)
    if isinstance(error, MissingRequirementError):
        return Failure("error", one_line(str(error)), detail)
    return Failure("error", one_line(f"error: {name}: {error}"), detail)


def is_out_of_memory(error: BaseException) -> bool:
    """By name, because this module does not import torch: torch.OutOfMemoryError (torch.cuda.OutOfMemoryError in older
    releases), RuntimeErrors of CUDA libraries that say so, MemoryError."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and _OOM_TEXT.search(str(error)) is not None


def one_line(text: str) -> str:
    """Whitespace folded, addresses and process ids masked, at most 300 characters."""
    folded = _PROCESS.sub(r"\1\2?", _ADDRESS.sub("0x?", " ".join(text.split())))
    return folded if len(folded) <= MAX_ERROR_CHARS else folded[: MAX_ERROR_CHARS - 3] + "..."


@dataclass(frozen=True)
class Quarantined:
    """An image that an annotator could not do, and why."""

    column: str
    shard: str
    key: str
    error: str


class FailureBudgetError(StoppedError):
    """More images failed than the budget allows. The message names the first of them and counts the reasons.

    `quarantined`: the failures of this run (earlier runs' are only counted)."""

    exit_code = 3

    def __init__(self, message: str, quarantined: list[Quarantined]) -> None:
        super().__init__(message)
        self.quarantined = quarantined


@dataclass
class Budget:
    """Counts the images of one column. Over the budget are

    - more failures than `share` of all images of the corpus and than `floor`;
    - more failures than `floor` while no image at all succeeded: no need to try the whole corpus;
    - at the end, a column in which every image failed, however few.

    A share of 1 tolerates all of it.
    """

    column: str
    images: int
    share: float
    floor: int
    succeeded: int = 0
    earlier: int = 0
    failures: list[Quarantined] = field(default_factory=list)

    def check(self) -> None:
        """Raise FailureBudgetError if the run should stop now."""
        failed = self.earlier + len(self.failures)
        if failed > max(self.floor, self.share * self.images):
            raise self._error(f"over the budget of {self.share:.1%} (and of {self.floor})")
        if failed > self.floor and self._hopeless:
            raise self._error("and not one succeeded")

    def check_end(self) -> None:
        """Raise FailureBudgetError if everything failed."""
        if self.failures and self._hopeless:
            raise self._error("and not one succeeded")

    @property
    def _hopeless(self) -> bool:
        return self.succeeded == 0 and self.share < 1

    def _error(self, why: str) -> FailureBudgetError:
        failed = self.earlier + len(self.failures)
        lines = [f"annotator {self.column}: {failed} of {self.images} images failed, {why}"]
        lines += [f"  {count} x {reason}" for reason, count in Counter(f.error for f in self.failures).most_common(5)]
        lines += [f"  {failure.key} (shard {failure.shard}): {failure.error}" for failure in self.failures[:SHOWN]]
        if len(self.failures) > SHOWN:
            lines.append(f"  and {len(self.failures) - SHOWN} more")
        if self.earlier:
            lines.append(f"  {self.earlier} of them failed in earlier runs: see `fld status`")
        lines.append(
            "Finished shards are kept. Put the cause right, then `fld annotate` with --retry-quarantined, or accept the"
            " failures with --set engine.failure_budget=..."
        )
        return FailureBudgetError("\n".join(lines), list(self.failures))
