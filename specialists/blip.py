"""BLIP and BLIP-2 as captioners (transformers; Li et al. 2022, arXiv 2201.12086, and 2023, arXiv 2301.12597).

The checkpoint's config says which of the two it is. Both are trained on one kind of caption, a short sentence, so
they write brief texts only. Score: geometric mean probability of the generated tokens and the end token.
"""

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from shards.finding import Granularity
from specialists.decoding import Decoding, own_decoding
from specialists.devices import loaded, pick_device, pick_dtype, writable
from specialists.loading import load_model, model_config
from specialists.roles import Fingerprint, Image, ScoredCaption, SpecialistError, check_images
from specialists.weights import ModelSettings, identity, library, local_path, locate

if TYPE_CHECKING:
    import torch

CLASSES = {"blip": "BlipForConditionalGeneration", "blip-2": "Blip2ForConditionalGeneration"}
"""`model_type` of the config -> the class that captions."""


class BlipSettings(ModelSettings):
    """A BLIP or BLIP-2 checkpoint."""

    backend: Literal["blip"] = Field("blip", description="BLIP or BLIP-2; the checkpoint says which")
    prompt: str = Field("", description='the text that the caption continues ("a photo of"); empty: none')
    num_beams: int = Field(1, ge=1, description="beams")
    max_new_tokens: int = Field(50, ge=1, description="texts are cut here")
    batch_size: int = Field(16, ge=1, description="images per call of the model")


class BlipCaptioner:
    """Brief texts: what the model writes after the prompt, without the prompt."""

    def __init__(self, settings: BlipSettings) -> None:
        self._settings = settings
        self._decoding = Decoding(settings.num_beams, settings.max_new_tokens)
        self._loaded: Any = None

    def load(self) -> None:
        """Raises SpecialistError for a checkpoint of another kind."""
        import transformers

        of = self._settings
        auto: Any = transformers
        folder = locate(of.backend, of.weights, of.revision)
        kind = model_config(of.backend, folder).get("model_type")
        if kind not in CLASSES:
            raise SpecialistError(f"blip: {of.weights} is a {kind} checkpoint: it must be one of {', '.join(CLASSES)}")
        self._device = pick_device(of.backend, of.device)
        model = load_model(of.backend, getattr(auto, CLASSES[kind]), folder, pick_dtype(of.dtype, self._device))
        self._processor = auto.AutoProcessor.from_pretrained(folder)
        if isinstance(getattr(self._processor, "image_token", None), str):
            # transformers 5.23 reads `.content` of it, but loads a saved BLIP-2 processor with a plain string
            self._processor.image_token = auto.AddedToken(self._processor.image_token, normalized=False, special=True)
        own_decoding(model)
        self._decoder = model.text_decoder if kind == "blip" else model.language_model
        self._loaded = model.to(self._device)

    def caption(self, images: list[Image], granularity: Granularity) -> list[ScoredCaption]:
        """One text per image. Raises ValueError for any granularity but brief."""
        check_images(images)
        if granularity != "brief":
            raise ValueError(f"blip writes brief texts only, got granularity {granularity!r}: use florence2")
        loaded(self._settings.backend, self._loaded)
        size = self._settings.batch_size
        parts = [images[start : start + size] for start in range(0, len(images), size)]
        return [caption for part in parts for caption in self._caption(part)]

    def fingerprint(self) -> Fingerprint:
        """Needs no `load`."""
        of = self._settings
        return {
            "backend": of.backend,
            "library": library(of.backend, "transformers"),
            "weights": identity(of.backend, of.weights, of.revision),
            "dtype": of.stated_dtype,
            "prompt": of.prompt,
            **self._decoding.facts(local_path(of.backend, of.weights, of.revision)),
        }

    def close(self) -> None:
        """Frees the model."""
        self._loaded = self._decoder = None

    def _caption(self, images: list[Image]) -> list[ScoredCaption]:
        import torch

        of = self._settings
        texts = [of.prompt] * len(images) if of.prompt else None
        inputs = self._processor(
            images=writable(images), text=texts, input_data_format="channels_last", return_tensors="pt"
        )
        inputs = inputs.to(self._device, self._loaded.dtype)
        with torch.inference_mode():
            found = self._loaded.generate(
                **inputs,
                **self._decoding.arguments,
                output_scores=True,
                return_dict_in_generate=True,
            )
            logprobs = self._decoder.compute_transition_scores(
                found.sequences, found.scores, getattr(found, "beam_indices", None), normalize_logits=True
            )
        written = found.sequences[:, -logprobs.shape[1] :]
        texts = self._processor.batch_decode(written, skip_special_tokens=True)
        scores = _scores(written, logprobs, self._decoder.config.pad_token_id)
        return [ScoredCaption(text.strip(), score) for text, score in zip(texts, scores, strict=True)]


def _scores(tokens: "torch.Tensor", logprobs: "torch.Tensor", pad: int) -> list[float]:
    """exp of the mean log-probability per row, padding left out; 0.0 for a row without tokens."""
    real = tokens != pad
    means = logprobs.float().masked_fill(~real, 0.0).sum(dim=1) / real.sum(dim=1).clamp(min=1)
    return [float(mean.exp()) if bool(any_) else 0.0 for mean, any_ in zip(means, real.any(dim=1), strict=True)]
