"""Grounder by Grounding DINO through groundingdino-py, with original .pth checkpoints (Liu et al. 2023, 2303.05499).

Comes in: images and texts. Goes out: phrases of the texts with boxes. For one image and one caption the numbers are
those of `groundingdino.util.inference.predict`; batches of different captions, which the library gets wrong, are right
here (`groundingdino_build`), and an image with several texts goes through the backbone once.
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
from specialists.groundingdino_build import BACKEND, load_groundingdino, quiet
from specialists.roles import Fingerprint, Image, Phrase
from specialists.weights import identity, library, locate, require_package

if TYPE_CHECKING:
    import torch

MAX_TOKENS = 256
"""The model cuts longer captions silently (max_text_len); longer texts are grounded in pieces here."""


class GroundingDinoSettings(GroundingDinoCommon):
    """Grounding DINO, groundingdino-py's own classes."""

    backend: Literal["groundingdino"] = Field("groundingdino", description="Grounding DINO, original checkpoints")
    weights: Annotated[str, OnDisk("revision")] = Field(
        min_length=1, description=".pth file such as groundingdino_swint_ogc.pth, or its folder"
    )
    text_encoder: Annotated[str, OnDisk("text_encoder_revision")] = Field(
        min_length=1,
        description="folder or hub id of the BERT: configuration and tokenizer (google-bert/bert-base-uncased)",
    )
    text_encoder_revision: str | None = Field(None, description="commit, where text_encoder is a hub id")


class GroundingDino:
    """See `roles.Grounder`. `chunks` gives the spans to look for, where the settings say `phrases: chunks`."""

    def __init__(self, settings: GroundingDinoSettings, chunks: Chunks | None = None) -> None:
        check_chunks(settings, chunks)
        self.settings = settings
        self._chunks = chunks
        self._model: Any = None

    def load(self) -> None:
        require_package(BACKEND, "groundingdino", "groundingdino")
        of = self.settings
        device = pick_device(BACKEND, of.device)
        text_encoder = locate(BACKEND, of.text_encoder, of.text_encoder_revision)
        model = load_groundingdino(locate(BACKEND, of.weights, of.revision), text_encoder).to(device)
        model.backbone = _shared_backbone(model.backbone)
        self._model = model

    def ground(self, images: list[Image], texts: list[str]) -> list[list[Phrase]]:
        model = loaded(BACKEND, self._model)
        return ground_texts(
            images, texts, self.settings, self._forward, token_offsets(model.tokenizer), MAX_TOKENS, self._chunks
        )

    def fingerprint(self) -> Fingerprint:
        of = self.settings
        return {
            "backend": of.backend,
            "library": library(BACKEND, "groundingdino-py", "groundingdino"),
            "weights": identity(BACKEND, of.weights, of.revision),
            "text_encoder": identity(BACKEND, of.text_encoder, of.text_encoder_revision),
            **common_facts(of),
        }

    def close(self) -> None:
        self._model = None

    def _forward(self, batch: CaptionedBatch) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        import torch
        from groundingdino.util.misc import NestedTensor

        model = self._model
        device = model.feat_map.weight.device
        dtype = pick_dtype(self.settings.dtype, device)
        pixels = torch.tensor(batch.pixels, device=device)
        model.backbone.rows = torch.tensor(batch.rows, device=device)
        no_padding = torch.zeros((len(batch.rows), *pixels.shape[2:]), dtype=torch.bool, device=device)
        with quiet(), torch.inference_mode(), torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
            out = model(NestedTensor(pixels, no_padding), captions=[caption.text for caption in batch.captions])
        boxes, scores = out["pred_boxes"].float(), out["pred_logits"].float().sigmoid()
        return boxes.cpu().numpy(), scores.cpu().numpy()


def _shared_backbone(joiner: Any) -> "torch.nn.Module":
    """The backbone, run once per image; `rows` says which image each pair of the batch is about."""
    import torch
    from groundingdino.util.misc import NestedTensor

    class SharedBackbone(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.joiner = joiner
            self.rows = torch.zeros(0, dtype=torch.long)

        def __getitem__(self, index: int) -> Any:
            return self.joiner[index]  # the model asks for [1], the position embedding

        def forward(self, samples: Any) -> tuple[list[Any], list[torch.Tensor]]:
            """samples: tensors [images, 3, h, w], mask [pairs, h, w]; features of all pairs come out."""
            features, positions = self.joiner(NestedTensor(samples.tensors, samples.mask[: len(samples.tensors)]))
            pairs = [NestedTensor(one.tensors[self.rows], one.mask[self.rows]) for one in features]
            return pairs, [position[self.rows] for position in positions]

    return SharedBackbone()
