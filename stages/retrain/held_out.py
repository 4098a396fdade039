"""How a model does on images that are never trained on: the loss per task, and F1 of its answers."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from specialists.decoding import Decoding
from specialists.florence2_format import Task
from specialists.florence2_model import Search
from stages.retrain.answers import answer_sums, f1_scores, measured_tasks
from stages.retrain.data import Feeder, LessonBatch
from stages.retrain.settings import RetrainSettings

LESSONS = 8
"""Per held-out image, the same at every look."""


def task_losses(
    accelerator: Any, module: Any, batches: Iterable[LessonBatch], tasks: Sequence[Task]
) -> dict[str, tuple[float, int]]:
    """(mean loss per token, tokens) by task, over all processes; tasks without lessons are left out.

    Plain cross-entropy, whatever loss is trained with. Every process runs its own batches through its own copy of the
    weights, so their numbers may differ."""
    import torch

    sums: dict[Task, float] = defaultdict(float)
    tokens: dict[Task, float] = defaultdict(float)
    module.eval()
    with torch.no_grad(), accelerator.autocast():
        for batch in batches:
            groups = [group.to(accelerator.device) for group in batch.groups]
            found = module(batch.pixels.to(accelerator.device), groups)
            for task, loss, count in zip(batch.tasks, found[0].tolist(), found[1].tolist(), strict=True):
                sums[task] += loss
                tokens[task] += count
    table = torch.tensor([[sums[task], tokens[task]] for task in tasks], dtype=torch.float64, device=accelerator.device)
    totals = accelerator.reduce(table, "sum").tolist()
    return {task: (loss / count, int(count)) for task, (loss, count) in zip(tasks, totals, strict=True) if count}


def answer_f1(accelerator: Any, folder: Path, feeder: Feeder, settings: RetrainSettings) -> dict[str, float]:
    """F1 by measure of what the model in `folder` says about held-out images, each process asking about its share.

    Greedy search in float32, so that equal weights give equal numbers."""
    import torch

    tasks = measured_tasks(settings.recipe.weights)
    search = Search(Decoding(1, settings.max_target_tokens + 2), settings.recipe.batch)
    with torch.random.fork_rng(devices=[]):
        pictures = feeder.pictures(settings.generate_images)
        mine = answer_sums(folder, str(accelerator.device), pictures, tasks, search)
    table = torch.tensor(mine, dtype=torch.float64, device=accelerator.device)
    return f1_scores(tasks, accelerator.reduce(table, "sum").tolist())
