"""Segmenter by SAM or SAM 2 through transformers; which of them the checkpoint's config says.

Comes in: images and their boxes. Goes out: one mask per box as polygons, scored by the model's own estimate of its
IoU. SAM pads the scaled image to a square, SAM 2 stretches it into one; from there on they are asked alike.
"""

from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from shards.settings import OnDisk
from specialists.devices import loaded, pick_device, pick_dtype
from specialists.loading import load_model, model_config
from specialists.mask_scaling import enlarged
from specialists.roles import Boxes, Fingerprint, Image, Masks, SpecialistError
from specialists.sam_batches import SamCommon, common_facts, segment_all
from specialists.segment_anything_sam import scaled_size
from specialists.weights import identity, library, locate

BACKEND = "sam_hf"
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
"""Of ImageNet, as in the preprocessor_config.json of every released SAM and SAM 2."""


class SamHfSettings(SamCommon):
    """SAM or SAM 2, transformers' classes."""

    backend: Literal["sam_hf"] = Field("sam_hf", description="SAM or SAM 2, transformers' classes")
    weights: Annotated[str, OnDisk("revision")] = Field(
        min_length=1, description="checkpoint folder, or hub id such as facebook/sam-vit-base"
    )


class SamHf:
    """See `roles.Segmenter`."""

    def __init__(self, settings: SamHfSettings) -> None:
        self.settings = settings
        self._parts: _Parts | None = None

    def load(self) -> None:
        import torch
        from transformers import Sam2Model, SamModel

        of = self.settings
        folder = locate(BACKEND, of.weights, of.revision)
        kind = model_config(BACKEND, folder).get("model_type")
        # released SAM 2 folders hold the configuration of its video model, whose image part is the same
        classes: dict[str, Any] = {"sam": SamModel, "sam2": Sam2Model, "sam2_video": Sam2Model}
        if kind not in classes:
            raise SpecialistError(f"{BACKEND}: {folder} must hold a sam or sam2, got model_type {kind!r}")
        model = load_model(BACKEND, classes[kind], folder, torch.float32)
        self._parts = _Parts(model.to(pick_device(BACKEND, of.device)), kind != "sam", of.dtype)

    def segment(self, images: list[Image], boxes: list[Boxes]) -> list[Masks]:
        return segment_all(loaded(BACKEND, self._parts), images, boxes, self.settings)

    def fingerprint(self) -> Fingerprint:
        of = self.settings
        return {
            "backend": of.backend,
            "library": library(BACKEND, "transformers"),
            "weights": identity(BACKEND, of.weights, of.revision),
            **common_facts(of),
        }

    def close(self) -> None:
        self._parts = None


class _Parts:
    """See `SamParts`. stretched: the image fills the model's square (SAM 2), else its upper left part (SAM)."""

    def __init__(self, model: Any, stretched: bool, dtype: str) -> None:
        self._model = model
        self._stretched = stretched
        self._dtype = pick_dtype(dtype, model.device)
        size = (model.config.vision_config if not stretched else model.config.prompt_encoder_config).image_size
        self._side = int(size)

    def encode(self, images: list[Image]) -> list[Any]:
        """One tensor per image (SAM) or a list of them, one per scale (SAM 2)."""
        import torch

        with torch.inference_mode(), self._autocast():
            features = self._model.get_image_embeddings(torch.stack([self._square(image) for image in images]))
        if isinstance(features, torch.Tensor):
            return [one[None].float() for one in features]
        return [[scale[index : index + 1].float() for scale in features] for index in range(len(images))]

    def decode(self, encoded: Any, boxes: Boxes, hw: tuple[int, int]) -> tuple[Any, NDArray[np.float32]]:
        import torch

        width, height = self._scaled(hw)
        factors = np.array([width / hw[1], height / hw[0]] * 2)
        prompts = torch.tensor((boxes * factors)[None], dtype=torch.float32, device=self._model.device)
        with torch.inference_mode(), self._autocast():
            out = self._model(image_embeddings=encoded, input_boxes=prompts, multimask_output=False)
        return out.pred_masks[0].float(), out.iou_scores[0, :, 0].float().cpu().numpy()

    def enlarge(self, logits: Any, hw: tuple[int, int]) -> Any:
        import torch
        from torch.nn.functional import interpolate

        with torch.inference_mode():
            if not self._stretched:
                width, height = self._scaled(hw)
                square = interpolate(logits, (self._side, self._side), mode="bilinear", align_corners=False)
                logits = square[..., :height, :width]
            if logits.device.type == "cpu":
                return torch.from_numpy(enlarged(logits[:, 0].numpy(), hw, 0.0))
            return interpolate(logits, hw, mode="bilinear", align_corners=False)[:, 0] > 0

    def _scaled(self, hw: tuple[int, int]) -> tuple[int, int]:
        return (self._side, self._side) if self._stretched else scaled_size(hw[1], hw[0], self._side)

    def _square(self, image: Image) -> Any:
        """float32 [3, side, side] on the model's device, normalised there, zeros where there is no image.
        The CPU only resizes, so that a GPU waits for less, and bytes travel, not floats."""
        import torch
        from PIL import Image as Pictures

        device = self._model.device
        width, height = self._scaled((image.shape[0], image.shape[1]))
        scaled = np.array(Pictures.fromarray(image).resize((width, height), Pictures.Resampling.BILINEAR))
        mean, std = (torch.tensor(of, device=device)[:, None, None] for of in (MEAN, STD))
        pixels = torch.from_numpy(scaled).to(device).permute(2, 0, 1).contiguous().float()
        square = torch.zeros(3, self._side, self._side, device=device)
        square[:, :height, :width] = pixels.div_(255).sub_(mean).div_(std)
        return square

    def _autocast(self) -> Any:
        import torch

        return torch.autocast(self._model.device.type, self._dtype, enabled=self._dtype != torch.float32)
