"""What both SAM backends share: settings, the order of work, and memory.

Comes in: images and their boxes. Goes out: polygons per box. Every image with boxes is encoded once, several images
together; its boxes are decoded together; masks are enlarged to the image's size a few at a time.
"""

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from specialists.masks import PolygonSettings, mask_to_polygons
from specialists.roles import Boxes, Fingerprint, Image, Masks, check_images
from specialists.weights import ModelSettings

if TYPE_CHECKING:
    import torch

PIXELS_AT_ONCE = 32_000_000
"""Masks are enlarged to the size of the image in float32: 64 of them at 12 megapixels would take 3 GB."""


class SamCommon(ModelSettings):
    """Settings of every SAM."""

    images_at_once: int = Field(4, ge=1, description="images encoded together")
    boxes_at_once: int = Field(64, ge=1, description="boxes decoded together")
    polygons: PolygonSettings = Field(PolygonSettings(), description="how a mask becomes polygons")


class SamParts(Protocol):
    """The three steps of a SAM. `hw` is the size of the image that the boxes and masks belong to."""

    def encode(self, images: list[Image]) -> list[Any]:
        """What `decode` needs to know of each image."""
        ...

    def decode(self, encoded: Any, boxes: Boxes, hw: tuple[int, int]) -> "tuple[torch.Tensor, NDArray[np.float32]]":
        """boxes [n, 4] px -> logits float32 [n, 1, h, w] in the model's own size, and predicted IoU [n]."""
        ...

    def enlarge(self, logits: "torch.Tensor", hw: tuple[int, int]) -> "torch.Tensor":
        """bool [n, *hw]."""
        ...


def segment_all(parts: SamParts, images: list[Image], boxes: list[Boxes], settings: SamCommon) -> list[Masks]:
    """See `roles.Segmenter.segment`."""
    check_images(images)
    check_boxes(boxes, len(images))
    found = [Masks([], np.zeros(0, np.float32)) for _ in images]
    busy = [index for index, prompts in enumerate(boxes) if len(prompts)]  # the others need no encoding
    for start in range(0, len(busy), settings.images_at_once):
        group = busy[start : start + settings.images_at_once]
        for index, encoded in zip(group, parts.encode([images[index] for index in group]), strict=True):
            height, width = images[index].shape[:2]
            found[index] = _masks(parts, encoded, boxes[index], (height, width), settings)
    return found


def common_facts(settings: SamCommon) -> Fingerprint:
    """The part of a fingerprint that both backends share."""
    return {
        "dtype": settings.stated_dtype,
        "tolerance": settings.polygons.tolerance,
        "min_part": settings.polygons.min_part,
    }


def check_boxes(boxes: list[Boxes], images: int) -> None:
    """Raise ValueError unless there is one finite float32 [n, 4] per image."""
    if len(boxes) != images:
        raise ValueError(f"boxes must have one array per image ({images}), got {len(boxes)}")
    for index, array in enumerate(boxes):
        if array.dtype != np.float32 or array.ndim != 2 or array.shape[1] != 4:
            raise ValueError(f"boxes[{index}] must be float32 [n, 4], got {array.dtype} {list(array.shape)}")
        if not np.isfinite(array).all():
            odd = array[~np.isfinite(array).all(axis=1)][0].tolist()
            raise ValueError(f"boxes[{index}] must be finite pixels, got {odd}")


def _masks(parts: SamParts, encoded: Any, boxes: Boxes, hw: tuple[int, int], settings: SamCommon) -> Masks:
    import torch

    polygons, scores = [], []
    at_once = max(1, PIXELS_AT_ONCE // (hw[0] * hw[1]))
    for start in range(0, len(boxes), settings.boxes_at_once):
        logits, ious = parts.decode(encoded, boxes[start : start + settings.boxes_at_once], hw)
        scores.append(np.clip(ious, 0, 1))
        for some in torch.split(logits, at_once):
            polygons += [mask_to_polygons(mask, settings.polygons) for mask in parts.enlarge(some, hw).cpu().numpy()]
    return Masks(polygons, np.concatenate(scores))
