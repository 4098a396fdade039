"""The state of a run on disk, so that a killed one goes on with the same losses.

    trainer/step-000100/model.safetensors, config.json ...   the model as of that step, for anyone (`save_pretrained`)
    trainer/step-000100/state/                               accelerate's: weights, optimizer, scaler, random numbers,
                                                             course (step, smoothed loss) and averaged weights

A folder is written under a name ending in .part and renamed when it is whole; then older ones are deleted. Learning
rates and batches follow from the step alone.

A state lies in the corpus, which may be a stranger's, and accelerate reads a part of it as pickles that may run code:
each file is first read in a way that cannot.
"""

import copy
import os
import pickle
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stages.retrain import model as models
from stages.retrain.data import RetrainError
from stages.retrain.presets import Recipe
from stages.retrain.schedule import Course, average_into

TRUST = "FLD_TRUST_STATE"
"""Set to 1, a state that FSDP or DeepSpeed wrote is read: it cannot be looked at without running what is in it."""
_PREFIX = "step-"


class Average:
    """Averaged weights (EMA) beside the trained ones, on their device; nothing at all when the recipe keeps none."""

    def __init__(self, model: Any, keep: float) -> None:
        self._keep = keep
        self.mean = copy.deepcopy(model) if keep else None

    def update(self, model: Any, step: int) -> None:
        """Once per optimizer step."""
        if self.mean is not None:
            average_into(self.mean, model, step, self._keep)

    def state_dict(self) -> dict[str, Any]:
        """For accelerate's save_state."""
        return {} if self.mean is None else dict(self.mean.state_dict())

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """For accelerate's load_state."""
        if self.mean is not None:
            self.mean.load_state_dict(state)


class Keeper:
    """Saves and restores one run. folder: `trainer/`, seen by all processes. checkpoint: what training started from."""

    def __init__(self, accelerator: Any, folder: Path, checkpoint: Path, recipe: Recipe) -> None:
        self._accelerator, self._folder, self._checkpoint, self._recipe = accelerator, folder, checkpoint, recipe

    def newest(self) -> Path | None:
        """The checkpoint to go on from."""
        found = sorted(path for path in self._folder.glob(f"{_PREFIX}*") if not path.name.endswith(".part"))
        return found[-1] if found else None

    def restore(self) -> int:
        """Load the newest checkpoint into what was prepared and registered; its step, 0 if there is none. What a
        killed run was writing is deleted."""
        if self._accelerator.is_main_process:
            for part in self._folder.glob("*.part"):
                shutil.rmtree(part)
        path = self.newest()
        if path is None:
            return 0
        try:
            _check_harmless(path / "state", self._accelerator.distributed_type.value)
            self._accelerator.load_state(str(path / "state"))
        except (OSError, RuntimeError, KeyError, pickle.UnpicklingError) as error:
            raise RetrainError(f"cannot load {path}: {error}; delete {self._folder.parent} to start over") from error
        return int(path.name.removeprefix(_PREFIX))

    def save(self, module: Any, average: Average, course: Course) -> None:
        """All processes call it at the same step."""
        final = self._folder / f"{_PREFIX}{course.step:06d}"
        part = final.with_name(f"{final.name}.part")
        accelerator = self._accelerator
        if accelerator.is_main_process and part.exists():
            shutil.rmtree(part)
        accelerator.wait_for_everyone()
        accelerator.save_state(str(part / "state"), safe_serialization=False)
        state = self.weights(module, average)
        if accelerator.is_main_process:
            models.save_trained(self._checkpoint, self._recipe, state, part)
        accelerator.wait_for_everyone()
        if accelerator.is_main_process:
            self._publish(part, final)
        accelerator.wait_for_everyone()

    @contextmanager
    def exported(self, module: Any, average: Average) -> Iterator[Path]:
        """The model as it would be saved now, in a folder that all processes see for as long as they look at it."""
        folder = self._folder / "exported.part"
        state = self.weights(module, average)
        if self._accelerator.is_main_process:
            models.save_trained(self._checkpoint, self._recipe, state, folder)
        self._accelerator.wait_for_everyone()
        yield folder
        self._accelerator.wait_for_everyone()
        if self._accelerator.is_main_process:
            shutil.rmtree(folder)

    def weights(self, module: Any, average: Average) -> dict[str, Any]:
        """Of the model under its own names; the averaged ones if there are."""
        if average.mean is not None:
            return dict(average.mean.state_dict())
        state = self._accelerator.get_state_dict(module)
        return {name.removeprefix("model."): value for name, value in state.items()}

    def _publish(self, part: Path, final: Path) -> None:
        older = [path for path in self._folder.glob(f"{_PREFIX}*") if path != part]
        if final in older:
            older.remove(final)
            shutil.rmtree(final)
        part.rename(final)
        for path in older:
            shutil.rmtree(path)


def _check_harmless(folder: Path, kind: str) -> None:
    """Raise UnpicklingError for a file that might run code when it is loaded. kind: accelerate's distributed type."""
    from accelerate.utils.other import load

    if kind in models.SHARDED:
        if os.environ.get(TRUST) != "1":
            raise pickle.UnpicklingError(f"what {kind} writes can run code; if it is yours, set {TRUST}=1")
        return
    for file in sorted(file for file in folder.rglob("*") if file.is_file() and file.suffix != ".safetensors"):
        try:
            with warnings.catch_warnings(action="ignore"):  # about odd protocols
                load(file, map_location="cpu", weights_only=True)
        except (RuntimeError, EOFError, pickle.UnpicklingError) as error:
            raise pickle.UnpicklingError(f"{file.name} is damaged, or runs code when it is read") from error
