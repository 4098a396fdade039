"""The loss on images that are never trained on, per task."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from specialists.florence2_format import Task
from stages.retrain.data import Batch

LESSONS = 8
"""Per held-out image, the same at every look."""


def task_losses(
    accelerator: Any, module: Any, batches: Iterable[Batch], tasks: Sequence[Task]
) -> dict[str, tuple[float, int]]:
    """(mean loss per token, tokens) by task, over all processes; tasks without lessons are left out.

    Plain cross-entropy, whatever loss is trained with. Every process runs its own batches through its own copy of the
    weights, so their numbers may differ."""
    import torch

    sums: dict[Task, float] = defaultdict(float)
    tokens: dict[Task, float] = defaultdict(float)
    module.eval()
    with torch.no_grad():
        for batch in batches:
            groups = [group.to(accelerator.device) for group in batch.groups]
            found = module(batch.pixels.to(accelerator.device), groups)
            for task, loss, count in zip(batch.tasks, found[0].tolist(), found[1].tolist(), strict=True):
                sums[task] += loss
                tokens[task] += count
    table = torch.tensor([[sums[task], tokens[task]] for task in tasks], dtype=torch.float64, device=accelerator.device)
    totals = accelerator.reduce(table, "sum").tolist()
    return {task: (loss / count, int(count)) for task, (loss, count) in zip(tasks, totals, strict=True) if count}
