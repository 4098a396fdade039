"""Grounder by Grounding DINO through transformers (`GroundingDinoForObjectDetection`), same output as `groundingdino`.

Comes in: images and texts. Goes out: phrases of the texts with boxes. Scaling, captions and phrases are the same code
as for the original checkpoints; transformers' model masks batches of different captions rightly by itself. It knows of
no images without their texts: what it encodes of an image before any text is asked is encoded once by a module in its
encoder's place.
"""

from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from shards.settings import OnDisk
from specialists.devices import loaded, pick_device, pick_dtype
from specialists.groundingdino_batches import (
    CaptionedBatch,
    Chunks,
    GroundingDinoCommon,
    check_chunks,
    common_facts,
    ground_texts,
    token_offsets,
)
from specialists.loading import load_model
from specialists.roles import Fingerprint, Image, Phrase
from specialists.weights import identity, library, locate

if TYPE_CHECKING:
    import torch
    from transformers import GroundingDinoForObjectDetection

BACKEND = "groundingdino_hf"


class GroundingDinoHfSettings(GroundingDinoCommon):
    """Grounding DINO, transformers' classes."""

    backend: Literal["groundingdino_hf"] = Field(
        "groundingdino_hf", description="Grounding DINO, transformers' classes"
    )
    weights: Annotated[str, OnDisk("revision")] = Field(
        min_length=1, description="checkpoint folder, or hub id such as IDEA-Research/grounding-dino-tiny"
    )


class GroundingDinoHf:
    """See `roles.Grounder`. `chunks` gives the spans to look for, where the settings say `phrases: chunks`."""

    def __init__(self, settings: GroundingDinoHfSettings, chunks: Chunks | None = None) -> None:
        check_chunks(settings, chunks)
        self.settings = settings
        self._chunks = chunks
        self._model: GroundingDinoForObjectDetection | None = None
        self._tokenizer: Any = None
        self._once: Any = None

    def load(self) -> None:
        import torch
        from transformers import AutoTokenizer, GroundingDinoForObjectDetection

        of = self.settings
        folder = locate(BACKEND, of.weights, of.revision)
        model = load_model(BACKEND, GroundingDinoForObjectDetection, folder, torch.float32)
        self._tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        self._once = _once_per_image(model.model.backbone.conv_encoder)
        model.model.backbone.conv_encoder = self._once
        self._model = model.to(pick_device(BACKEND, of.device))

    def ground(self, images: list[Image], texts: list[str]) -> list[list[Phrase]]:
        model = loaded(BACKEND, self._model)
        offsets = token_offsets(self._tokenizer)
        return ground_texts(
            images, texts, self.settings, self._forward, offsets, model.config.max_text_len, self._chunks
        )

    def fingerprint(self) -> Fingerprint:
        of = self.settings
        return {
            "backend": of.backend,
            "library": library(BACKEND, "transformers"),
            "weights": identity(BACKEND, of.weights, of.revision),
            **common_facts(of),
        }

    def close(self) -> None:
        self._model = self._tokenizer = self._once = None

    def _forward(self, batch: CaptionedBatch) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        import torch

        model = loaded(BACKEND, self._model)
        dtype = pick_dtype(self.settings.dtype, model.device)
        words = self._tokenizer([one.text for one in batch.captions], padding="longest", return_tensors="pt")
        pixels = torch.tensor(batch.pixels, device=model.device)[batch.rows]
        self._once.rows = batch.rows
        with torch.inference_mode(), torch.autocast(model.device.type, dtype, enabled=dtype != torch.float32):
            out = model(pixel_values=pixels, **words.to(model.device))
        boxes, scores = out.pred_boxes.float(), out.logits.float().sigmoid()
        return boxes.cpu().numpy(), scores.cpu().numpy()


def _once_per_image(encoder: Any) -> "torch.nn.Module":
    """In the place of the model's convolutional encoder: runs it once per image of a batch; `rows` says which image
    each pair is about."""
    import torch

    class OncePerImage(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = encoder
            self.rows: list[int] = []

        def forward(self, pixels: torch.Tensor, mask: torch.Tensor) -> list[tuple[torch.Tensor, torch.Tensor]]:
            """pixels [pairs, 3, h, w], mask [pairs, h, w]; per level, features and masks of all pairs come out."""
            first = [self.rows.index(image) for image in range(max(self.rows) + 1)]
            return [(one[self.rows], seen[self.rows]) for one, seen in self.encoder(pixels[first], mask[first])]

    return OncePerImage()
