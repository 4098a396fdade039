"""Segmenter by SAM through the segment-anything library (Kirillov et al. 2023, arXiv 2304.02643).

Comes in: images and their boxes. Goes out: one mask per box as polygons, scored by SAM's own estimate of its IoU.
Equals `SamPredictor.predict(box=..., multimask_output=False)` per box, but an image is encoded once, several images
go through the encoder together, and so do the boxes of an image through the decoder.
"""

from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from shards.settings import OnDisk
from specialists.devices import loaded, pick_device, pick_dtype
from specialists.mask_scaling import enlarged
from specialists.roles import Boxes, Fingerprint, Image, Masks
from specialists.sam_batches import SamCommon, common_facts, segment_all
from specialists.sam_build import SamSize, load_sam
from specialists.weights import identity, library, locate, require_package

if TYPE_CHECKING:
    import torch
    from segment_anything.modeling import Sam

BACKEND = "segment_anything"


class SegmentAnythingSettings(SamCommon):
    """SAM through segment-anything."""

    backend: Literal["segment_anything"] = Field("segment_anything", description="SAM, segment-anything's own classes")
    weights: Annotated[str, OnDisk("revision")] = Field(
        "embedded:sam-nano", min_length=1, description=".pth or .safetensors, its folder, or embedded:NAME"
    )
    architecture: SamSize | Literal["auto"] = Field(
        "auto", description="auto: from sam.json beside the weights, else told by their encoder width"
    )


class SegmentAnything:
    """See `roles.Segmenter`."""

    def __init__(self, settings: SegmentAnythingSettings) -> None:
        self.settings = settings
        self._parts: _Parts | None = None

    def load(self) -> None:
        of = self.settings
        require_package(BACKEND, "segment_anything", "sam")
        device = pick_device(BACKEND, of.device)
        sam = load_sam(locate(BACKEND, of.weights, of.revision), of.architecture).to(device)
        self._parts = _Parts(sam, pick_dtype(of.dtype, device))

    def segment(self, images: list[Image], boxes: list[Boxes]) -> list[Masks]:
        return segment_all(loaded(BACKEND, self._parts), images, boxes, self.settings)

    def fingerprint(self) -> Fingerprint:
        of = self.settings
        return {
            "backend": of.backend,
            "library": library(BACKEND, "segment-anything", "sam"),
            "weights": identity(BACKEND, of.weights, of.revision),
            "architecture": of.architecture,
            **common_facts(of),
        }

    def close(self) -> None:
        self._parts = None


class _Parts:
    """See `SamParts`. Weights stay float32; another dtype is for the arithmetic only (autocast)."""

    def __init__(self, sam: "Sam", dtype: "torch.dtype") -> None:
        self._sam = sam
        self._dtype = dtype

    def encode(self, images: list[Image]) -> "list[torch.Tensor]":
        import torch

        sam = self._sam
        scaled = [scale(image, sam.image_encoder.img_size) for image in images]
        with torch.inference_mode(), self._autocast():
            pixels = [torch.tensor(image).permute(2, 0, 1).to(sam.device) for image in scaled]
            features: torch.Tensor = sam.image_encoder(torch.stack([sam.preprocess(image) for image in pixels]))
            return list(features.float())

    def decode(
        self, encoded: "torch.Tensor", boxes: Boxes, hw: tuple[int, int]
    ) -> "tuple[torch.Tensor, NDArray[np.float32]]":
        import torch

        sam = self._sam
        width, height = scaled_size(hw[1], hw[0], sam.image_encoder.img_size)
        factors = np.array([width / hw[1], height / hw[0]] * 2)
        prompts = torch.tensor(boxes * factors, dtype=torch.float32, device=sam.device)
        with torch.inference_mode(), self._autocast():
            sparse, dense = sam.prompt_encoder(points=None, boxes=prompts, masks=None)
            logits, ious = sam.mask_decoder(
                image_embeddings=encoded[None],
                image_pe=sam.prompt_encoder.get_dense_pe(),
                sparse_prompt_embeddings=sparse,
                dense_prompt_embeddings=dense,
                multimask_output=False,  # a box is no ambiguous prompt (SamPredictor.predict's own advice)
            )
        return logits.float(), ious[:, 0].float().cpu().numpy()

    def enlarge(self, logits: "torch.Tensor", hw: tuple[int, int]) -> "torch.Tensor":
        import torch

        side, above = self._sam.image_encoder.img_size, float(self._sam.mask_threshold)
        width, height = scaled_size(hw[1], hw[0], side)
        with torch.inference_mode():
            if logits.device.type == "cpu":
                square = torch.nn.functional.interpolate(logits, (side, side), mode="bilinear", align_corners=False)
                return torch.from_numpy(enlarged(square[:, 0, :height, :width].numpy(), hw, above))
            large: torch.Tensor = self._sam.postprocess_masks(logits, (height, width), hw)
            return large[:, 0] > above

    def _autocast(self) -> "torch.autocast":
        import torch

        return torch.autocast(self._sam.device.type, self._dtype, enabled=self._dtype != torch.float32)


def scaled_size(width: int, height: int, long_side: int) -> tuple[int, int]:
    """Width and height as `ResizeLongestSide.get_preprocess_shape` computes them, but never less than 1 px."""
    factor = long_side / max(height, width)
    return max(1, int(width * factor + 0.5)), max(1, int(height * factor + 0.5))


def scale(image: Image, long_side: int) -> Image:
    """The image with its long side scaled as SAM was trained (`ResizeLongestSide.apply_image`)."""
    from PIL import Image as Pictures

    size_wh = scaled_size(image.shape[1], image.shape[0], long_side)
    return np.asarray(Pictures.fromarray(image).resize(size_wh, Pictures.Resampling.BILINEAR))
