"""What a run reports: `metrics.jsonl`, TensorBoard, and whoever watches.

    {"step": 100, "loss": 1.234, "rate": 0.0002, "norm": 0.8, "images_per_s": 17.1, "seconds": 94.2}
    {"step": 100, "held_out": {"<CAPTION>": 0.91, "<OD>": 2.2}}
    {"step": 100, "held_out/f1": {"boxes": 0.41, "texts/brief": 0.66, "phrases": 0.35}}

Written by the main process only. A run that goes on drops the lines after the step it goes on from.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

METRICS_FILE = "metrics.jsonl"
LOSSES, F1 = "held_out", "held_out/f1"
"""What events about held-out images hold, beside their step."""

Event = dict[str, Any]
Watch = Callable[[Event], None]
"""Called with every event, in the main process."""


class Metrics:
    """One run's. `active` is false in all processes but the main one: then nothing happens."""

    def __init__(self, folder: Path, start: int, watch: Watch | None, *, active: bool) -> None:
        self._watch, self._active = watch, active
        self._board: Any = None
        if not active:
            return
        from torch.utils.tensorboard import SummaryWriter

        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / METRICS_FILE
        if self._path.exists():
            self._forget(start)
        board: Any = SummaryWriter
        self._board = board(str(folder / "tensorboard"), purge_step=start + 1 if start else None)

    def write(self, event: Event) -> None:
        """event: `step` and numbers, or dicts of numbers by name."""
        if not self._active:
            return
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(event) + "\n")
        for name, value in event.items():
            for label, number in value.items() if isinstance(value, dict) else [("", value)]:
                self._board.add_scalar(f"{name}/{label.strip('<>')}" if label else name, number, event["step"])
        if self._watch is not None:
            self._watch(event)

    def close(self) -> None:
        """Flush TensorBoard."""
        if self._board is not None:
            self._board.close()

    def _forget(self, start: int) -> None:
        """What came after `start`; everything for a run that was killed before its first checkpoint."""
        lines = self._path.read_text(encoding="utf-8").splitlines(keepends=True)
        whole = [line for line in lines if line.endswith("\n") and start]
        kept = [line for line in whole if json.loads(line)["step"] <= start]
        rest = self._path.with_suffix(".part")
        rest.write_text("".join(kept), encoding="utf-8")
        rest.replace(self._path)  # whoever follows the file never sees it empty, and hears nothing twice
