"""Ultralytics' own trainer on the files of `student_data`, through its Python API.

Comes in: a checkpoint, lessons and settings. Goes out: `student.pt` and a `Student`. What the library does by itself,
and what is done about it here:
- It looks for fonts and data sets on the network, and reports to services that are configured on the machine: it is
  told its data directly, is offline (`specialists.ultralytics_yolo`), and gets no callbacks but ours.
- It gathers gradients up to a batch of 64: here a step is a step (`nbs`).
- It overwrites its checkpoint in place. A copy is moved into place after each pass over the images, and a killed run
  goes on from that: with the same schedule, but other random numbers than a run that was never killed.
- Its checkpoints hold paths, dates and the optimizer: `student.pt` is written anew with the averaged weights alone.
- It would validate twice at the end: once is enough, and never while training.
"""

import math
import os
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from specialists.devices import pick_device
from specialists.roles import SpecialistError
from specialists.ultralytics_yolo import harmless_loading, quiet_library, read_checkpoint
from stages.retrain.data import RetrainError
from stages.retrain.metrics import Watch
from stages.retrain.student_data import HELD_OUT, TRAIN, Lessons
from stages.retrain.student_doubts import Doubts, all_names, by_class, criterion
from stages.retrain.student_settings import StudentSettings

RESUME_FILE = "checkpoint.pt"
LAST_RATE = 0.02
_BACKEND = "ultralytics"
_AUGMENT = {
    "fliplr": 0.5, "hsv_h": 0.01, "hsv_s": 0.2, "hsv_v": 0.15, "translate": 0.05, "scale": 0.1, "erasing": 0.0,
}  # fmt: skip
"""Milder than the library's own, which are made for hundreds of passes over COCO; `arguments` overrides them."""


@dataclass(frozen=True)
class Student:
    """What a training came to. measures: the library's, on held-out images against the round's labels, in [0, 1];
    resumed_from: step; sides_px: label -> the median side of its boxes as the network sees them; ap50: label -> average
    precision at IoU 0.5, as measures, of labels that held-out images have."""

    names: tuple[str, ...]
    steps: int
    images: int
    held_out: int
    unreadable: int
    last_loss: float
    measures: Mapping[str, float]
    resumed_from: int
    sides_px: Mapping[str, float]
    ap50: Mapping[str, float]


def fit_student(
    checkpoint: Path, lessons: Lessons, settings: StudentSettings, folder: Path, out: Path, watch: Watch | None
) -> Student:
    """Train in `folder` and write the weights to `out`. Raises RetrainError."""
    import torch

    quiet_library()
    folder.mkdir(parents=True, exist_ok=True)
    threads = torch.get_num_threads()
    try:
        with harmless_loading():
            run = _Run(checkpoint, lessons, settings, folder, watch)
            run.train()
    except (RuntimeError, TypeError) as error:  # TypeError: a checkpoint, or a layer, that may not be loaded
        if isinstance(error, RetrainError):
            raise
        raise RetrainError(f"ultralytics cannot train {checkpoint.name}: {error}") from error
    finally:
        torch.set_num_threads(threads)
    run.save(out)
    shutil.rmtree(folder / "weights", ignore_errors=True)
    for file in (RESUME_FILE, "args.yaml"):  # paths of this machine are nothing for a corpus
        (folder / file).unlink(missing_ok=True)
    return run.student()


class _Run:
    """One training. The library calls back once per pass over the images."""

    def __init__(
        self, checkpoint: Path, lessons: Lessons, settings: StudentSettings, folder: Path, watch: Watch | None
    ) -> None:
        self._lessons, self._settings, self._folder, self._watch = lessons, settings, folder, watch
        self._loss, self._began, self._first = math.nan, time.monotonic(), 0
        self._doubts = Doubts.of(settings)
        self._per_pass = math.ceil(lessons.images / settings.batch)
        resume = folder / RESUME_FILE
        if resume.exists():
            _check_harmless(resume)
        arguments = self._arguments(checkpoint, resume if resume.exists() else None)
        try:
            self._trainer = _trainer(arguments, lessons, self._doubts)
        except (SyntaxError, TypeError, ValueError) as error:  # SyntaxError: a name that it does not know
            raise RetrainError(f"ultralytics refuses its arguments, see loop.student.arguments: {error}") from error
        for event, callback in (
            ("on_train_start", self._started),
            ("on_train_epoch_end", self._passed),
            ("on_model_save", self._saved),
        ):
            self._trainer.add_callback(event, callback)

    def train(self) -> None:
        self._trainer.train()

    def save(self, out: Path) -> None:
        """The averaged weights in half precision, in the form of the library's checkpoints."""
        import torch

        model = self._trainer.ema.ema.half()
        model.criterion = None
        arguments = {"task": "detect", "imgsz": self._trainer.args.imgsz, "data": None, "single_cls": False}
        model.args = arguments
        part = out.with_name(f"{out.name}.part")
        torch.save({"model": model, "train_args": arguments, "epoch": -1, "ema": None, "optimizer": None}, part)
        part.rename(out)

    def student(self) -> Student:
        trainer, lessons = self._trainer, self._lessons
        found = {name: float(value) for name, value in trainer.metrics.items() if name.startswith("metrics/")}
        measures = {name.removeprefix("metrics/").removesuffix("(B)"): round(value, 4) for name, value in found.items()}
        size = trainer.args.imgsz
        return Student(
            lessons.names, trainer.epochs * self._per_pass, lessons.images, lessons.held_out, lessons.unreadable,
            self._loss, measures if lessons.held_out else {}, self._first,
            {label: round(side * size, 1) for label, side in lessons.sides.items()},
            self._by_label(),
        )  # fmt: skip

    def _by_label(self) -> dict[str, float]:
        if not self._lessons.held_out:
            return {}
        box, names = self._trainer.validator.metrics.box, self._lessons.names
        found = zip(box.ap_class_index, box.ap50, strict=True)
        return {names[int(number)]: round(float(value), 4) for number, value in found}

    def _arguments(self, checkpoint: Path, resume: Path | None) -> dict[str, Any]:
        of = self._settings
        size = of.image_size or int(read_checkpoint(checkpoint).get("train_args", {}).get("imgsz", 640))
        device = pick_device(_BACKEND, of.device)
        passes = max(1, math.ceil(of.steps / self._per_pass))
        ours = {
            "model": str(checkpoint), "data": str(self._lessons.folder), "save_dir": str(self._folder),
            "exist_ok": True, "epochs": passes, "batch": of.batch, "nbs": of.batch,
            "imgsz": size, "optimizer": "AdamW", "lr0": of.learning_rate, "lrf": LAST_RATE, "cos_lr": True,
            "momentum": 0.9, "warmup_epochs": of.warmup / self._per_pass, "warmup_bias_lr": 0.0,
            "pretrained": of.fresh == "never", "mosaic": of.mosaic, "amp": False, "val": False, "plots": False,
            "verbose": False, "seed": of.seed, "device": str(device), "workers": min(8, os.cpu_count() or 1),
        }  # fmt: skip
        return {**_AUGMENT, **ours, **of.arguments, **({"resume": str(resume)} if resume else {})}

    def _started(self, trainer: Any) -> None:
        import torch

        torch.set_num_threads(self._settings.cpu_threads)  # the library has taken all but one
        self._first = trainer.start_epoch * self._per_pass
        self._began = time.monotonic()
        if self._doubts.how != "teach":
            from ultralytics.utils.torch_utils import unwrap_model

            model: Any = unwrap_model(trainer.model)
            model.criterion = criterion(model, trainer.start_epoch)

    def _passed(self, trainer: Any) -> None:
        """After each pass over the images, before the checkpoint."""
        step = (trainer.epoch + 1) * self._per_pass
        self._loss = float(sum(trainer.tloss.values()) if isinstance(trainer.tloss, dict) else trainer.tloss.sum())
        if not math.isfinite(self._loss):
            raise RetrainError(
                f"step {step}: the loss must be a finite number, got {self._loss}: lower loop.student.learning_rate"
                f" (now {self._settings.learning_rate:g})"
            )
        if self._watch is not None:
            spent = time.monotonic() - self._began
            images = (step - self._first) * self._settings.batch
            self._watch({"step": step, "loss": self._loss, "images_per_s": round(images / spent, 2)})

    def _saved(self, trainer: Any) -> None:
        """A finished run is not resumed: the library refuses to."""
        if trainer.epoch + 1 < trainer.epochs:
            part = self._folder / f"{RESUME_FILE}.part"
            shutil.copyfile(trainer.last, part)
            part.replace(self._folder / RESUME_FILE)


def _check_harmless(resume: Path) -> None:
    """Raise RetrainError for a state that might run code: it lies in the corpus, which may be a stranger's."""
    try:
        read_checkpoint(resume)
    except SpecialistError as error:
        reason = str(error).partition(": if you trust")[0]
        raise RetrainError(f"cannot go on from {resume}: {reason}; delete {resume.parents[1]} to start over") from error


def _trainer(arguments: dict[str, Any], lessons: Lessons, doubts: Doubts) -> Any:
    from ultralytics.models.yolo import detect

    library: Any = detect
    names = dict(enumerate(lessons.names))

    class RoundLearner(library.DetectionTrainer):  # type: ignore[misc]
        """Without "Trainer" in its name the library adds no callbacks of tracking services."""

        data: dict[str, Any]

        def get_dataset(self) -> dict[str, Any]:
            train = str(lessons.folder / TRAIN / "images")
            held_out = str(lessons.folder / HELD_OUT / "images") if lessons.held_out else train
            return {"train": train, "val": held_out, "names": names, "nc": len(names), "channels": 3}

        def build_dataset(self, img_path: str, mode: str = "train", batch: int | None = None) -> Any:
            known = self.data
            if mode == "train" and doubts.how != "teach":
                self.data = {**known, "names": all_names(names)}
            try:
                return super().build_dataset(img_path, mode, batch)
            finally:
                self.data = known

        def get_class_counts(self) -> Any:
            return by_class(super().get_class_counts(), len(names))

        def validate(self) -> tuple[dict[str, float], float]:
            return super().validate() if lessons.held_out else ({}, 0.0)

        def final_eval(self) -> None:
            """The last pass was validated already."""

    return RoundLearner(overrides=arguments)


def checkpoint_names(checkpoint: Path) -> tuple[str, ...]:
    """The classes that a checkpoint knows, in its order. Raises SpecialistError for what is no checkpoint."""
    read = read_checkpoint(checkpoint)
    model = read.get("ema") or read["model"]
    return tuple(model.names[number] for number in sorted(model.names))
