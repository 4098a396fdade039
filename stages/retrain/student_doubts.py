"""Labels that may be wrong, in the loss of a student: `Doubts(settings)` numbers them, `criterion(model)` reads that.

A calibrated round says of each label how probable it is. `loop.student.doubtful` says what becomes of those whose
score is below `sure`:

    teach   an object like any other
    weigh   an object that counts as much as its score: where the loss wants 0.9 for a sure one it wants 0.9 * score,
            and its box pulls with this weight; the expected loss over both answers
    skip    neither an object nor background: where it lies the loss asks for nothing

The library's label files hold a class and a box per line and nothing else, so the class says it:

    17 = 2 + 3 * 5      class 2 of 3, level 5 of LEVELS: a quarter off

What the loss makes of it is in the assignment of boxes to cells: its targets are scaled, or become what the model says
already, which leaves no gradient. Nothing else of the library's loss is touched.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stages.retrain.student_settings import StudentSettings

LEVELS = 20
"""Steps of a twentieth, from 0 (sure) to LEVELS (worth nothing)."""
SKIPPED = LEVELS + 1
LIKELY = 0.5
"""Held-out images are measured by the labels that are likelier right than wrong."""


@dataclass(frozen=True)
class Doubts:
    """What is done about doubtful labels; how: teach, weigh or skip; sure: in [0, 1]."""

    how: str
    sure: float

    @classmethod
    def of(cls, settings: StudentSettings) -> "Doubts":
        """As the settings say; where `sure` is left open, whatever is likelier wrong is skipped, and all is weighed."""
        how = settings.doubtful or "teach"
        return cls(how, settings.sure if settings.sure is not None else 1.0 if how == "weigh" else LIKELY)

    def level(self, score: float) -> int:
        """0: taught as it is; up to LEVELS: weighed; SKIPPED."""
        if self.how == "teach" or score >= self.sure:
            return 0
        return SKIPPED if self.how == "skip" else round((1.0 - score) * LEVELS)

    def level_where_measured(self, score: float) -> int | None:
        """Of a label of a held-out image: 0 where it counts as true, None where it does not."""
        least = {"teach": 0.0, "weigh": LIKELY, "skip": self.sure}[self.how]
        return 0 if score >= least else None


def all_names(names: dict[int, str]) -> dict[int, str]:
    """Names for the numbers of all levels, which the library wants: {0: "cat"} -> {0: "cat", 1: "cat 1", ...}"""
    count = len(names)
    return {
        number + level * count: f"{name} {level}" if level else name
        for level in range(SKIPPED + 1)
        for number, name in names.items()
    }


def by_class(counts: NDArray[np.float32], classes: int) -> NDArray[np.float32]:
    """Boxes per class of boxes per number, (numbers,) -> (classes,)."""
    padded = np.pad(counts, (0, -len(counts) % classes))
    summed: NDArray[np.float32] = padded.reshape(-1, classes).sum(axis=0)
    return summed


def criterion(model: Any, passes: int) -> Any:
    """The library's own detection loss of a model, with targets by level; passes: how many a run that goes on has
    behind it, since models with two heads shift from one to the other."""
    from ultralytics.utils import loss

    library: Any = loss

    class Weighed(library.v8DetectionLoss):  # type: ignore[misc]
        assigner: Any

        def __init__(self, model: Any, tal_topk: int = 10, tal_topk2: int | None = None) -> None:
            super().__init__(model, tal_topk, tal_topk2)
            self.assigner = by_level(self.assigner)

    is_twofold = getattr(model.model[-1], "one2one_cv2", None) is not None
    if not is_twofold:
        return Weighed(model)
    made = library.E2ELoss(model, Weighed)
    if passes:
        made.updates = passes - 1
        made.update()
    return made


def by_level(plain: Any) -> Any:
    """An assigner of the library whose targets follow the levels in the class numbers."""
    import torch

    class ByLevel(torch.nn.Module):
        """Tensors as `TaskAlignedAssigner.forward` takes and returns them: scores (b, cells, classes), boxes (b, cells,
        4) in pixels, labels (b, n, 1); wanted scores (b, cells, classes), foreground and box of a cell (b, cells)."""

        def forward(
            self,
            scores: torch.Tensor,
            boxes: torch.Tensor,
            cells: torch.Tensor,
            labels: torch.Tensor,
            truths: torch.Tensor,
            is_truth: torch.Tensor,
        ) -> tuple[torch.Tensor, ...]:
            count = scores.shape[-1]
            level = torch.div(labels, count, rounding_mode="floor")
            found = plain(scores, boxes, cells, labels - level * count, truths, is_truth)
            classes, targets, wanted, is_object, index = found
            if not labels.shape[1]:
                return classes, targets, wanted, is_object, index
            here = torch.where(is_object.bool(), level.squeeze(-1).gather(1, index.long()), 0)
            wanted = wanted * (1 - here.clamp(max=LEVELS) / LEVELS).unsqueeze(-1)
            is_skipped = here == SKIPPED
            wanted = torch.where(is_skipped.unsqueeze(-1), scores.to(wanted.dtype), wanted)
            return classes, targets, wanted, is_object.bool() & ~is_skipped, index

    return ByLevel()
