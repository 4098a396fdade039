"""DETR and its descendants as a detector: what transformers' AutoModelForObjectDetection loads (DETR, Conditional and
Deformable DETR, RT-DETR, D-FINE, YOLOS ...), with the processor's own resizing and post-processing.

Images of different shape after resizing are not padded to one batch: the padding leaks through the convolutions and
boxes would depend on batch mates. Images of equal shape run together; RT-DETR and D-FINE make all of them equal.
"""

from math import ceil
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field

from specialists.class_names import class_labels
from specialists.devices import loaded, pick_device, pick_dtype, writable
from specialists.loading import first_line, load_model, model_config
from specialists.roles import Detections, Fingerprint, Image, SpecialistError, check_images
from specialists.weights import ModelSettings, identity, library, locate, require_package

if TYPE_CHECKING:
    import torch


MAX_ASPECT = 32
"""Thinner images are stretched across to this: resized to its long side, a thin one has no pixel left. Boxes are shares
of width and height, so they land where they were."""


class DetrSettings(ModelSettings):
    """A transformers object detector."""

    backend: Literal["detr"] = Field("detr", description="any transformers AutoModelForObjectDetection")
    score_floor: float = Field(0.01, ge=0, lt=1, description="return no boxes below; filters decide later")
    batch_size: int = Field(8, ge=1, description="images per call of the model")


class DetrDetector:
    """Boxes with the checkpoint's class names, in the processor's order."""

    def __init__(self, settings: DetrSettings) -> None:
        self._settings = settings
        self._loaded: Any = None

    def load(self) -> None:
        """Reads model and image processor. Raises SpecialistError for a folder that holds none."""
        import transformers

        of, auto = self._settings, _untyped(transformers)
        folder = locate(of.backend, of.weights, of.revision)
        if _needs_timm(model_config(of.backend, folder)):
            require_package(of.backend, "timm", "detr")
        self._device = pick_device(of.backend, of.device)
        dtype = pick_dtype(of.dtype, self._device)
        model = load_model(of.backend, auto.AutoModelForObjectDetection, folder, dtype)
        try:
            self._processor = auto.AutoImageProcessor.from_pretrained(folder, local_files_only=True)
        except (OSError, ValueError) as error:
            raise SpecialistError(f"detr: {folder} holds no image processor: {first_line(error)}") from error
        self._loaded = model.to(self._device)

    def detect(self, images: list[Image]) -> list[Detections]:
        """Boxes above score_floor, clipped to the image. Raises ItemError for an image with a class without name."""
        import torch

        check_images(images)
        loaded(self._settings.backend, self._loaded)
        by_image: dict[int, Detections] = {}
        with torch.inference_mode():
            inputs = [self._inputs(image) for image in images]
            for indices in self._batches(inputs):
                results = self._detect([inputs[i] for i in indices], [images[i] for i in indices])
                by_image |= {i: self._detections(i, *result) for i, result in zip(indices, results, strict=True)}
        return [by_image[i] for i in range(len(images))]

    def fingerprint(self) -> Fingerprint:
        """Needs no `load`."""
        of = self._settings
        return {
            "backend": of.backend,
            "library": library(of.backend, "transformers"),
            "weights": identity(of.backend, of.weights, of.revision),
            "dtype": of.stated_dtype,
            "score_floor": of.score_floor,
        }

    def close(self) -> None:
        """Frees the model."""
        self._loaded = None

    def _inputs(self, image: Image) -> "dict[str, torch.Tensor]":
        height, width = image.shape[:2]
        image = np.repeat(np.repeat(image, ceil(width / height / MAX_ASPECT), 0), ceil(height / width / MAX_ASPECT), 1)
        encoded = self._processor(images=writable([image]), input_data_format="channels_last", return_tensors="pt")
        return {name: encoded[name] for name in ("pixel_values", "pixel_mask") if name in encoded}

    def _batches(self, inputs: "list[dict[str, torch.Tensor]]") -> list[list[int]]:
        """Indices of images whose pixels have one shape, batch_size at most."""
        by_shape: dict[tuple[int, ...], list[int]] = {}
        for index, prepared in enumerate(inputs):
            by_shape.setdefault(tuple(prepared["pixel_values"].shape), []).append(index)
        size = self._settings.batch_size
        return [some[start : start + size] for some in by_shape.values() for start in range(0, len(some), size)]

    def _detect(
        self, inputs: "list[dict[str, torch.Tensor]]", images: list[Image]
    ) -> "list[tuple[dict[str, torch.Tensor], Image]]":
        import torch

        batch = {name: torch.cat([one[name] for one in inputs]).to(self._device) for name in inputs[0]}
        batch["pixel_values"] = batch["pixel_values"].to(self._loaded.dtype)
        outputs = self._loaded(**batch)
        outputs.logits, outputs.pred_boxes = outputs.logits.float(), outputs.pred_boxes.float()
        sizes = torch.tensor([image.shape[:2] for image in images], device=self._device)
        results = self._processor.post_process_object_detection(
            outputs, threshold=self._settings.score_floor, target_sizes=sizes
        )
        return list(zip(results, images, strict=True))

    def _detections(self, index: int, result: "dict[str, torch.Tensor]", image: Image) -> Detections:
        height, width = image.shape[:2]
        boxes = np.clip(result["boxes"].cpu().float().numpy(), 0, np.array([width, height] * 2, dtype=np.float32))
        labels = class_labels("detr", result["labels"].tolist(), self._loaded.config.id2label, index)
        return Detections(boxes.reshape(-1, 4), result["scores"].cpu().float().numpy(), labels)


def _needs_timm(config: dict[str, Any]) -> bool:
    """Whether the image encoder is one of timm's, as that of facebook/detr-resnet-50 is."""
    kind = str((config.get("backbone_config") or {}).get("model_type", ""))
    return bool(config.get("use_timm_backbone")) or kind.startswith("timm")


def _untyped(module: Any) -> Any:
    return module
