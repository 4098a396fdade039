"""Ultralytics YOLO as a detector (https://docs.ultralytics.com): any detection, segmentation or pose `.pt` checkpoint.

What its library does by itself, and what is done about it here:
- It fetches official checkpoints and missing packages by name: never here; only an existing file is opened.
- Its checkpoints are pickles. They are read with its safe loader, which knows its own classes only; a checkpoint with
  other classes needs `trust_pickle: true`, and then runs whatever code is in the file.
- It pads a batch of equal sizes less than a mixed one, so that boxes depend on batch mates: `rect=False` here.
- Its NMS stops after a time limit and leaves the other images of the batch without boxes. That is noticed, and the
  images are run one by one.
- It sets torch's and OpenCV's thread counts: torch's is put back, OpenCV's stays 1 in this process.
"""

import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from shards.settings import Danger, OnDisk
from specialists.class_names import class_labels
from specialists.devices import loaded, pick_device
from specialists.roles import Detections, Fingerprint, Image, SpecialistError, check_images
from specialists.weights import ModelSettings, identity, library, locate, require_package, weight_file

TASKS = ("detect", "segment", "pose")


class UltralyticsSettings(ModelSettings):
    """A YOLO checkpoint and its own NMS; the defaults keep far more than a filter will."""

    backend: Literal["ultralytics"] = Field("ultralytics", description="ultralytics YOLO")
    weights: Annotated[str, OnDisk("revision")] = Field(
        "embedded:yolo-nano", min_length=1, description=".pt file, embedded:NAME, or hub id with revision"
    )
    trust_pickle: Annotated[bool, Danger("(runs code of the weights)")] = Field(
        False, description="true: load checkpoints that the library's safe loader refuses; runs code of the file"
    )
    image_size: int | None = Field(None, ge=32, description="long side in pixels; null: what it was trained with")
    score_floor: float = Field(0.01, ge=0, lt=1, description="return no boxes below; filters decide later")
    nms_iou: float = Field(0.7, gt=0, le=1, description="of two boxes of one class above this IoU keep the better")
    max_detections: int = Field(300, ge=1, description="most boxes per image, best first")
    batch_size: int = Field(16, ge=1, description="images per call of the model")

    @model_validator(mode="after")
    def _dtype(self) -> Self:
        if self.dtype == "bfloat16":
            raise ValueError("dtype must be auto, float32 or float16 for ultralytics, got 'bfloat16'")
        return self


class UltralyticsDetector:
    """Boxes with the checkpoint's class names, best scores first."""

    def __init__(self, settings: UltralyticsSettings) -> None:
        self._settings = settings
        self._loaded: Any = None
        self._watch = _TimeLimitWatch()

    def load(self) -> None:
        """Raises SpecialistError for a checkpoint that is no detector, or a pickle that must be trusted first."""
        of = self._settings
        require_package(of.backend, "ultralytics", extra="ultralytics")
        file = weight_file(of.backend, locate(of.backend, of.weights, of.revision), (".pt",)).resolve()
        quiet_library()
        import ultralytics
        from ultralytics.utils import LOGGER

        library_: Any = ultralytics
        LOGGER.addHandler(self._watch)
        if not of.trust_pickle:
            read_checkpoint(file)
        with nullcontext() if of.trust_pickle else harmless_loading():
            model = library_.YOLO(str(file), verbose=False)
        if model.task not in TASKS:
            raise SpecialistError(
                f"ultralytics: {file.name} is a {model.task} model: a detector needs {' or '.join(TASKS)}"
            )
        device = pick_device(of.backend, of.device)
        self._device = str(device)
        self._half = of.dtype == "float16" or (of.dtype == "auto" and device.type == "cuda")
        self._loaded = model

    def detect(self, images: list[Image]) -> list[Detections]:
        """Boxes above score_floor after the library's NMS. Raises ItemError for an image with a class without name."""
        check_images(images)
        loaded(self._settings.backend, self._loaded)
        size = self._settings.batch_size
        parts = [images[start : start + size] for start in range(0, len(images), size)]
        results = [result for part in parts for result in self._predict(part)]
        return [_detections(index, result) for index, result in enumerate(results)]

    def fingerprint(self) -> Fingerprint:
        """Needs no `load`."""
        of = self._settings
        return {
            "backend": of.backend,
            "library": library(of.backend, "ultralytics", extra="ultralytics"),
            "weights": identity(of.backend, of.weights, of.revision),
            "dtype": of.stated_dtype,
            "image_size": of.image_size,
            "score_floor": of.score_floor,
            "nms_iou": of.nms_iou,
            "max_detections": of.max_detections,
        }

    def close(self) -> None:
        """Frees the model."""
        self._loaded = None

    def _predict(self, images: list[Image]) -> list[Any]:
        import cv2
        import torch

        of, threads = self._settings, torch.get_num_threads()
        self._watch.hit = False
        results: list[Any] = self._loaded.predict(
            [cv2.cvtColor(image, cv2.COLOR_RGB2BGR) for image in images],  # arrays are taken as BGR
            imgsz=of.image_size or self._loaded.overrides.get("imgsz", 640),
            conf=of.score_floor,
            iou=of.nms_iou,
            max_det=of.max_detections,
            **({"half": True} if self._half else {}),  # deprecated in 8.4, the only way in 8.3
            device=self._device,
            rect=False,
            verbose=False,
            save=False,
        )
        torch.set_num_threads(threads)
        if self._watch.hit and len(images) > 1:
            return [result for image in images for result in self._predict([image])]
        return results


class _TimeLimitWatch(logging.Handler):
    """Notices the library's message that NMS gave up."""

    def __init__(self) -> None:
        super().__init__()
        self.hit = False

    def emit(self, record: logging.LogRecord) -> None:
        self.hit = self.hit or "NMS time limit" in record.getMessage()

    def __reduce__(self) -> tuple[type["_TimeLimitWatch"], tuple[()]]:
        return _TimeLimitWatch, ()  # a handler holds a lock; the specialist must be picklable before load


def quiet_library() -> None:
    """Import the library offline and quiet. The variables are read when it is imported; what the user has set stays."""
    folder = Path(tempfile.gettempdir()) / f"fld-engine-ultralytics-{os.getuid() if hasattr(os, 'getuid') else 0}"
    folder.mkdir(exist_ok=True)
    os.environ.setdefault("YOLO_CONFIG_DIR", str(folder))
    os.environ.setdefault("YOLO_OFFLINE", "true")
    os.environ.setdefault("YOLO_AUTOINSTALL", "false")
    os.environ.setdefault("YOLO_VERBOSE", "false")
    from ultralytics.utils import LOGGER

    LOGGER.setLevel(logging.WARNING)


@contextmanager
def harmless_loading() -> Iterator[None]:
    """While in here the library reads checkpoints, also those that others name, with its safe loader, and makes models
    of their descriptions without evaluating them. It has a variable for this, which it reads at its import only."""
    quiet_library()
    from ultralytics.nn import tasks

    module: Any = tasks
    before, module.SAFE_LOAD = module.SAFE_LOAD, True
    try:
        yield
    finally:
        module.SAFE_LOAD = before


def read_checkpoint(file: Path) -> dict[str, Any]:
    """What a .pt file holds, by the library's safe loader. Raises SpecialistError where that refuses."""
    quiet_library()
    from ultralytics.nn import tasks

    reader: Any = tasks
    try:
        read: dict[str, Any] = reader.torch_safe_load(str(file), safe_only=True)[0]
    except (TypeError, ModuleNotFoundError) as error:
        reason = str(error).strip().split("\n", 1)[0]
        raise SpecialistError(
            f"ultralytics: {file} is not loaded by the library's safe loader ({reason}): if you trust its author,"
            " set trust_pickle: true"
        ) from error
    return read


def _detections(index: int, result: Any) -> Detections:
    boxes = result.boxes
    return Detections(
        boxes.xyxy.cpu().float().numpy().reshape(-1, 4),
        boxes.conf.cpu().float().numpy().reshape(-1),
        class_labels("ultralytics", map(int, boxes.cls.tolist()), result.names, index),
    )
