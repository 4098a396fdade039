"""The learning rate over the steps, averaged weights, and the loss that is watched for divergence."""

import math
from typing import Any

WARMUP = 100
"""Steps until the full rate, where nobody says otherwise."""


def falling(step: int, steps: int, warmup: int = WARMUP, last: float = 0.02) -> float:
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


class Course:
    """How far a run is and how its loss goes; saved with every checkpoint.

    `smooth` is a running mean of the loss over some 20 steps, `lowest` the least it has been."""

    def __init__(self) -> None:
        self.step = 0
        self.seconds = 0.0
        self.smooth = math.nan
        self.lowest = math.inf
        self.corrupt = 0

    def add(self, loss: float, rise: float) -> None:
        """One more step. Raises ValueError, saying why, for a loss that is no number or has risen by over `rise`."""
        if not math.isfinite(loss):
            raise ValueError(f"the loss must be a finite number, got {loss}")
        self.smooth = loss if math.isnan(self.smooth) else self.smooth + (loss - self.smooth) / 20
        self.lowest = min(self.lowest, self.smooth)
        if self.smooth > self.lowest + rise:
            raise ValueError(f"the loss diverges: it was {self.lowest:.3f} and is {self.smooth:.3f} per token")

    def state_dict(self) -> dict[str, float]:
        """For accelerate's save_state."""
        return dict(vars(self))

    def load_state_dict(self, state: dict[str, float]) -> None:
        """For accelerate's load_state."""
        vars(self).update(state)
