"""What the recipes share: one thread, a rate that warms up and falls, averaged weights, a log, and data in memory."""

import json
import logging
import math
import time
from pathlib import Path
from typing import Any

log = logging.getLogger("recipes")


def single_thread() -> None:
    """Two threads made these small steps slower, not faster, on a shared machine."""
    import torch

    torch.set_num_threads(1)


def falling(step: int, steps: int, warmup: int = 100, last: float = 0.02) -> float:
    """Share of the full learning rate: linear warm-up, then a cosine down to `last`."""
    if step < warmup:
        return (step + 1) / warmup
    way = min(1.0, (step - warmup) / max(1, steps - warmup))
    return last + (1 - last) * 0.5 * (1 + math.cos(math.pi * way))


def average_into(mean: Any, model: Any, step: int, keep: float) -> None:
    """Move averaged weights (EMA) towards the model's; early steps count more. Buffers are copied."""
    import torch

    share = 1 - min(keep, (1 + step) / (10 + step))
    with torch.no_grad():
        for slow, fast in zip(mean.parameters(), model.parameters(), strict=True):
            slow.lerp_(fast, share)
        for slow, fast in zip(mean.buffers(), model.buffers(), strict=True):
            slow.copy_(fast)


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
