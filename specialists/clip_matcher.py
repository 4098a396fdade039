"""CLIP and SigLIP as matcher (transformers): how close is a crop to each of its candidate texts?

Comes in: crops, and for each its own texts. Goes out, per crop, float32 [number of texts] in [0, 1]:

    crop of a dog, ["dog", "a brown dog with a ball", "grass"]  ->  [0.63, 0.66, 0.59]

The score is (1 + cosine) / 2 of the two embeddings, for both families. SigLIP's own sigmoid would put most candidates
of a crop below 0.0001, where their order is lost when a column is stored; it rises with the cosine, so that the
selected text is the same. Scores of different checkpoints do not compare.

Texts longer than the model reads (CLIP 77 tokens, SigLIP 64) are cut there, as both were trained. Crops and texts that
occur several times in a call are encoded once.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from shards.settings import OnDisk
from specialists.devices import loaded, pick_device, pick_dtype, writable
from specialists.loading import load_model
from specialists.roles import Fingerprint, Image, Scores, SpecialistError, check_images
from specialists.weights import ModelSettings, identity, library, locate, require_package

if TYPE_CHECKING:
    import torch

MAX_ASPECT = 4
"""Longer crops are cut to their middle before a processor that would resize the short side and then keep the middle
anyway: the outcome is the same, but 6000 x 2 px would first become 672,000 x 224."""


class ClipSettings(ModelSettings):
    """A CLIP or SigLIP checkpoint in transformers' form."""

    backend: Literal["clip"] = Field("clip", description="CLIP, SigLIP or SigLIP 2, transformers' native classes")
    weights: Annotated[str, OnDisk("revision")] = Field(
        "embedded:clip-nano", min_length=1, description="checkpoint folder, embedded:NAME, or hub id with revision"
    )
    batch_size: int = Field(64, ge=1, description="crops, or texts, encoded at a time")


class ClipMatcher:
    """See `specialists.roles.Matcher`."""

    def __init__(self, settings: ClipSettings) -> None:
        self._settings = settings
        self._loaded: _Encoder | None = None

    def load(self) -> None:
        """Reads the checkpoint."""
        self._loaded = _Encoder(self._settings)

    def similarity(self, crops: list[Image], texts: list[list[str]]) -> list[Scores]:
        """(1 + cosine) / 2 of every crop with its own texts."""
        check_images(crops)
        if len(crops) != len(texts):
            raise ValueError(f"similarity needs one list of texts per crop, got {len(crops)} crops, {len(texts)} lists")
        encoder = loaded(self._settings.backend, self._loaded)
        with_texts = [index for index, own in enumerate(texts) if own]  # a crop without candidates need not be encoded
        places = {id(crops[index]): index for index in with_texts}
        pictures = dict(zip(places, encoder.images([crops[index] for index in places.values()]), strict=True))
        different = list(dict.fromkeys(text for own in texts for text in own))
        words = dict(zip(different, encoder.texts(different), strict=True))
        return [
            _scores(pictures[id(crop)], [words[text] for text in own]) if own else np.zeros(0, np.float32)
            for crop, own in zip(crops, texts, strict=True)
        ]

    def fingerprint(self) -> Fingerprint:
        """Needs no `load`."""
        of = self._settings
        return {
            "backend": of.backend,
            "library": library(of.backend, "transformers"),
            "weights": identity(of.backend, of.weights, of.revision),
            "dtype": of.stated_dtype,
        }

    def close(self) -> None:
        """Lets go of the model."""
        self._loaded = None


class _Encoder:
    """A loaded checkpoint. Embeddings are float32 [n, d] of length 1."""

    def __init__(self, settings: ClipSettings) -> None:
        from transformers import AutoModel, AutoProcessor

        folder = locate(settings.backend, settings.weights, settings.revision)
        self._batch_size = settings.batch_size
        self._device = pick_device(settings.backend, settings.device)
        self._dtype = pick_dtype(settings.dtype, self._device)
        self._model: Any = load_model(settings.backend, AutoModel, folder, self._dtype).to(self._device)
        kind = self._model.config.model_type
        if not all(hasattr(self._model, name) for name in ("get_image_features", "get_text_features")):
            raise SpecialistError(
                f"{settings.backend}: {folder} is a {kind} checkpoint: it must be one that embeds images and texts,"
                " a CLIP, SigLIP or SigLIP 2"
            )
        if kind == "siglip":
            require_package(settings.backend, "sentencepiece", "siglip")
        auto: Any = AutoProcessor
        processor = auto.from_pretrained(folder)
        self._processor, self._tokenizer = processor.image_processor, processor.tokenizer
        text = self._model.config.text_config
        self._max_tokens = int(text.max_position_embeddings)
        # SigLIP learned from texts padded to full length, and attends to the padding.
        self._padding = "max_length" if "siglip" in kind else "longest"

    def images(self, crops: list[Image]) -> NDArray[np.float32]:
        """Of uint8 RGB crops [h, w, 3]."""
        return self._embed(crops, self._image_features)

    def texts(self, texts: list[str]) -> NDArray[np.float32]:
        """Of texts, the empty one included."""
        return self._embed(texts, self._text_features)

    def _embed(self, items: list[Any], features: Any) -> NDArray[np.float32]:
        import torch

        parts: list[NDArray[np.float32]] = []
        with torch.inference_mode():
            for chunk in _chunks(items, self._batch_size):
                vectors = features(chunk).float()
                parts.append((vectors / vectors.norm(dim=-1, keepdim=True)).cpu().numpy())
        return np.concatenate(parts) if parts else np.zeros((0, 1), np.float32)

    def _image_features(self, crops: list[Image]) -> "torch.Tensor":
        if getattr(self._processor, "do_center_crop", False):
            crops = [_middle(crop) for crop in crops]
        inputs = self._processor(images=writable(crops), return_tensors="pt", input_data_format="channels_last")
        inputs = inputs.to(self._device)
        inputs["pixel_values"] = inputs["pixel_values"].to(self._dtype)
        embedded: torch.Tensor = self._model.get_image_features(**inputs).pooler_output
        return embedded

    def _text_features(self, texts: list[str]) -> "torch.Tensor":
        inputs = self._tokenizer(
            texts, padding=self._padding, truncation=True, max_length=self._max_tokens, return_tensors="pt"
        )
        embedded: torch.Tensor = self._model.get_text_features(**inputs.to(self._device)).pooler_output
        return embedded


def _scores(image: NDArray[np.float32], texts: list[NDArray[np.float32]]) -> Scores:
    scores: Scores = np.clip((1.0 + np.stack(texts) @ image) / 2.0, 0.0, 1.0, dtype=np.float32)
    return scores


def _middle(crop: Image) -> Image:
    height, width = crop.shape[:2]
    most_wide, most_high = min(width, height * MAX_ASPECT), min(height, width * MAX_ASPECT)
    left, top = (width - most_wide) // 2, (height - most_high) // 2
    return crop[top : top + most_high, left : left + most_wide]


def _chunks(items: list[Any], size: int) -> Iterator[list[Any]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
