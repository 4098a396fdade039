"""Segmenter by SAM through the segment-anything library (Kirillov et al. 2023, arXiv 2304.02643).

Comes in: images and their boxes. Goes out: one mask per box as polygons, scored by SAM's own estimate of its IoU.
Equals `SamPredictor.predict(box=..., multimask_output=False)` per box, but an image is encoded once, several images
go through the encoder together, and so do the boxes of an image through the decoder.
"""

from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from specialists.devices import loaded, pick_device, pick_dtype
from specialists.masks import PolygonSettings, mask_to_polygons
from specialists.roles import Boxes, Fingerprint, Image, Masks, check_images
from specialists.sam_build import SamSize, load_sam
from specialists.sam_prompts import check_boxes
from specialists.weights import ModelSettings, identity, library, locate, require_package

if TYPE_CHECKING:
    import torch
    from segment_anything.modeling import Sam

BACKEND = "segment_anything"
PIXELS_AT_ONCE = 32_000_000
"""Masks are enlarged to the size of the image in float32: 64 of them at 12 megapixels would take 3 GB."""


class SegmentAnythingSettings(ModelSettings):
    """SAM through segment-anything."""

    backend: Literal["segment_anything"] = Field("segment_anything", description="SAM, segment-anything's own classes")
    weights: str = Field(
        "embedded:sam-nano", min_length=1, description=".pth or .safetensors, its folder, embedded:NAME"
    )
    architecture: SamSize | Literal["auto"] = Field(
        "auto", description="auto: from sam.json beside the weights, else told by their encoder width"
    )
    images_at_once: int = Field(4, ge=1, description="images encoded together")
    boxes_at_once: int = Field(64, ge=1, description="boxes decoded together")
    polygons: PolygonSettings = Field(PolygonSettings(), description="how a mask becomes polygons")


class SegmentAnything:
    """See `roles.Segmenter`."""

    def __init__(self, settings: SegmentAnythingSettings) -> None:
        self.settings = settings
        self._sam: Sam | None = None

    def load(self) -> None:
        of = self.settings
        require_package(BACKEND, "segment_anything", "sam")
        device = pick_device(BACKEND, of.device)
        self._sam = load_sam(locate(BACKEND, of.weights, of.revision), of.architecture).to(device)

    def segment(self, images: list[Image], boxes: list[Boxes]) -> list[Masks]:
        sam = loaded(BACKEND, self._sam)
        check_images(images)
        check_boxes(boxes, len(images))
        found = [Masks([], np.zeros(0, np.float32)) for _ in images]
        busy = [index for index, prompts in enumerate(boxes) if len(prompts)]  # the others need no encoding
        for start in range(0, len(busy), self.settings.images_at_once):
            group = busy[start : start + self.settings.images_at_once]
            scaled = [scale(images[index], sam.image_encoder.img_size) for index in group]
            for index, features, small in zip(group, self._encode(sam, scaled), scaled, strict=True):
                found[index] = self._masks(sam, features, small.shape[:2], images[index].shape[:2], boxes[index])
        return found

    def fingerprint(self) -> Fingerprint:
        of = self.settings
        return {
            "backend": of.backend,
            "library": library(BACKEND, "segment-anything", "sam"),
            "weights": identity(BACKEND, of.weights, of.revision),
            "architecture": of.architecture,
            "dtype": of.dtype,
            "tolerance": of.polygons.tolerance,
            "min_part": of.polygons.min_part,
        }

    def close(self) -> None:
        self._sam = None

    def _encode(self, sam: "Sam", scaled: list[Image]) -> "list[torch.Tensor]":
        import torch

        with torch.inference_mode(), self._autocast(sam):
            pixels = [torch.tensor(image).permute(2, 0, 1).to(sam.device) for image in scaled]
            features: torch.Tensor = sam.image_encoder(torch.stack([sam.preprocess(image) for image in pixels]))
            return list(features.float())

    def _masks(
        self, sam: "Sam", features: "torch.Tensor", small_hw: tuple[int, ...], image_hw: tuple[int, ...], boxes: Boxes
    ) -> Masks:
        """features: float32 [c, h, w] of one image, which was scaled from `image_hw` to `small_hw`."""
        import torch

        scale_xy = np.array([small_hw[1] / image_hw[1], small_hw[0] / image_hw[0]] * 2)
        prompts = torch.tensor(boxes * scale_xy, dtype=torch.float32, device=sam.device)
        polygons, scores = [], []
        at_once = max(1, PIXELS_AT_ONCE // (image_hw[0] * image_hw[1]))
        for chunk in torch.split(prompts, self.settings.boxes_at_once):
            logits, ious = self._decode(sam, features, chunk)
            scores.append(ious)
            for part in torch.split(logits, at_once):
                with torch.inference_mode():
                    large = sam.postprocess_masks(part, small_hw, image_hw)[:, 0] > sam.mask_threshold
                polygons += [mask_to_polygons(mask, self.settings.polygons) for mask in large.cpu().numpy()]
        return Masks(polygons, np.concatenate(scores))

    def _decode(
        self, sam: "Sam", features: "torch.Tensor", boxes: "torch.Tensor"
    ) -> "tuple[torch.Tensor, NDArray[np.float32]]":
        """Logits float32 [n, 1, h/4, w/4] and predicted IoU [n] in [0, 1]; boxes are in the scaled image's pixels."""
        import torch

        with torch.inference_mode(), self._autocast(sam):
            sparse, dense = sam.prompt_encoder(points=None, boxes=boxes, masks=None)
            logits, ious = sam.mask_decoder(
                image_embeddings=features[None],
                image_pe=sam.prompt_encoder.get_dense_pe(),
                sparse_prompt_embeddings=sparse,
                dense_prompt_embeddings=dense,
                multimask_output=False,  # a box is no ambiguous prompt (SamPredictor.predict's own advice)
            )
        return logits.float(), np.clip(ious[:, 0].float().cpu().numpy(), 0, 1)

    def _autocast(self, sam: "Sam") -> "torch.autocast":
        """Weights stay float32; half precision is for the arithmetic only."""
        import torch

        dtype = pick_dtype(self.settings.dtype)
        return torch.autocast(sam.device.type, dtype, enabled=dtype != torch.float32)


def scale(image: Image, long_side: int) -> Image:
    """The image with its long side scaled as SAM was trained (`ResizeLongestSide`); a side is never less than 1 px."""
    from PIL import Image as Pictures

    height, width = image.shape[:2]
    factor = long_side / max(height, width)
    size_wh = max(1, int(width * factor + 0.5)), max(1, int(height * factor + 0.5))
    return np.asarray(Pictures.fromarray(image).resize(size_wh, Pictures.Resampling.BILINEAR))
