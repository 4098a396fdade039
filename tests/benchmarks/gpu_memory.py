"""A call that is out of the GPU's memory for real, through the engine's own scheduler: halved until it fits.

The memory that this process may take is cut to a little more than a call of four images needs; a captioner is asked
for batches of 32.
"""

import tempfile
from pathlib import Path

import numpy as np
import torch

from engine.config.settings import EngineSettings
from engine.runtime.annotate import annotate
from engine.runtime.column import Column
from engine.runtime.progress import Silent
from shards.store import LocalStore
from specialists.florence2 import Florence2Captioner, Florence2CaptionerSettings
from stages.annotate.captioner import CaptionsSettings, CaptionsStage
from stages.annotate.resources import Resources
from tests.benchmarks.base_checkpoints import save_florence2_base
from tests.engine.fakes import fill

IMAGES, BATCH, FITS, SPARE = 64, 32, 4, 1.1


def halved() -> str:
    """What happened, for people. Raises AssertionError if an image was lost."""
    with tempfile.TemporaryDirectory() as folder:
        weights = save_florence2_base(Path(folder) / "weights")
        specialist = Florence2CaptionerSettings(weights=str(weights), device="cuda", batch_size=BATCH, max_new_tokens=8)
        stage = CaptionsStage(CaptionsSettings(specialist=specialist, granularities=["brief"]))
        store = LocalStore(Path(folder) / "corpus")
        fill(store, 1, IMAGES)
        needed = _needed(specialist)
        total = torch.cuda.get_device_properties(0).total_memory
        torch.cuda.set_per_process_memory_fraction(min(1.0, SPARE * needed / total))
        events = _Events()
        column = Column("captioner", "f0", (), stage, Resources(batch_size=BATCH, num_gpus=1))
        report = annotate(store, [column], {}, EngineSettings(backend="local"), events)
        torch.cuda.set_per_process_memory_fraction(1.0)
        assert not report.quarantined, report.quarantined
        return (
            f"{events.failures} calls of {BATCH} or less failed and were halved, {IMAGES} of {IMAGES} images are there"
        )


def _needed(specialist: Florence2CaptionerSettings) -> int:
    """Bytes that torch reserves for a call of `FITS` images, weights included."""
    captioner = Florence2Captioner(specialist)
    captioner.load()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    captioner.caption([np.zeros((480, 640, 3), np.uint8) for _ in range(FITS)], "brief")
    needed = torch.cuda.max_memory_reserved()
    captioner.close()
    torch.cuda.empty_cache()
    return needed


class _Events(Silent):
    """Counts the calls that failed."""

    failures = 0

    def log(self, event: str, fields: object) -> None:
        """Count it."""
        del fields
        self.failures += event == "call_failed"
