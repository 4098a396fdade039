"""What the recipes share: one thread, an optimizer step, a log."""

import json
import logging
import time
from pathlib import Path
from typing import Any

log = logging.getLogger("recipes")


def single_thread() -> None:
    """Two threads made these small steps slower, not faster, on a shared machine."""
    import torch

    torch.set_num_threads(1)


def update(loss: Any, weights: list[Any], optimizer: Any, rate: float, clip: float = 1.0) -> None:
    """One optimizer step on `weights`. Raises FloatingPointError for a loss that is no number."""
    import torch

    if not torch.isfinite(loss):
        raise FloatingPointError(f"loss must be finite, got {loss.item()}: lower the learning rate")
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(weights, clip)
    optimizer.step()


def note(folder: Path, **facts: float | str) -> None:
    """A line of the run's log: facts and the processor seconds so far."""
    folder.mkdir(parents=True, exist_ok=True)
    line = json.dumps(facts | {"cpu_s": round(time.process_time(), 1)})
    log.info(line)
    with (folder / "log.jsonl").open("a") as file:
        file.write(line + "\n")
