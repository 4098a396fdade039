"""A describer on this machine: any image-text-to-text model of transformers (LLaVA, Qwen-VL, SmolVLM, InternVL ...).

Comes in: images and what is known of them. Goes out: one text per image, written by greedy search after the model's
own chat template around the picture and the prompt (`description.py`). An answer without an end token was cut off, and
is refused like an empty one or one that declines.
"""

import math
from collections.abc import Iterator
from typing import Any, Literal

from pydantic import Field

from shards.finding import Granularity
from specialists.decoding import Decoding, own_decoding
from specialists.description import Description, PromptSettings, check_description, fill, read_template
from specialists.devices import loaded, pick_device, pick_dtype
from specialists.loading import load_model
from specialists.roles import Context, Fingerprint, Image, ItemError, ScoredCaption, check_images
from specialists.weights import ModelSettings, identity, library, local_path, locate


class LmmSettings(ModelSettings):
    """A checkpoint that `AutoModelForImageTextToText` reads, with a chat template."""

    backend: Literal["image_text_to_text"] = Field(
        "image_text_to_text", description="AutoModelForImageTextToText of transformers"
    )
    prompts: PromptSettings = Field(PromptSettings(), description="what the model is told")
    max_new_tokens: int = Field(512, ge=1, description="an answer that reaches this is cut off, and refused")
    image_side: int = Field(1024, ge=32, description="longer side of the picture that the model gets, px at most")
    batch_size: int = Field(4, ge=1, description="images written about at a time")

    @property
    def decoding(self) -> Decoding:
        """Greedy search."""
        return Decoding(1, self.max_new_tokens)


class LmmDescriber:
    """See `specialists.roles.Describer`."""

    def __init__(self, settings: LmmSettings) -> None:
        self._settings = settings
        self._loaded: _Model | None = None

    def load(self) -> None:
        """Reads templates and checkpoint."""
        self._templates()
        self._loaded = _Model(self._settings)

    def describe(self, images: list[Image], contexts: list[Context], granularity: Granularity) -> list[ScoredCaption]:
        """One text per image; its score is the geometric mean probability of its tokens. Raises ItemError for the
        first image whose answer is not acceptable."""
        check_images(images)
        of = self._settings
        model = loaded(of.backend, self._loaded)
        template = read_template(of.prompts, granularity)
        prompts = [
            fill(template, image, context, of.prompts.max_regions)
            for image, context in zip(images, contexts, strict=True)
        ]
        answers = [answer for chunk in _chunks(images, prompts, of.batch_size) for answer in model.answer(*chunk)]
        for index, (answer, _) in enumerate(answers):
            if answer.problem:
                raise ItemError(index, answer.problem)
        return [ScoredCaption(answer.text, score) for answer, score in answers]

    def fingerprint(self) -> Fingerprint:
        """Needs no `load`."""
        of = self._settings
        return {
            "backend": of.backend,
            "library": library(of.backend, "transformers"),
            "weights": identity(of.backend, of.weights, of.revision),
            "dtype": of.stated_dtype,
            "prompts": self._templates(),
            "max_regions": of.prompts.max_regions,
            "refusals": of.prompts.refusals,
            **self._decoding_facts(),
            "image_side": of.image_side,
        }

    def close(self) -> None:
        """Lets go of the model."""
        self._loaded = None

    def _decoding_facts(self) -> Fingerprint:
        """Without num_beams, which is always 1."""
        of = self._settings
        facts = of.decoding.facts(local_path(of.backend, of.weights, of.revision))
        return {name: value for name, value in facts.items() if name != "num_beams"}

    def _templates(self) -> list[str]:
        return [read_template(self._settings.prompts, level) for level in ("detailed", "more_detailed")]


class _Model:
    """A loaded checkpoint and its processor."""

    def __init__(self, settings: LmmSettings) -> None:
        from transformers import AutoModelForImageTextToText, AutoProcessor

        folder = locate(settings.backend, settings.weights, settings.revision)
        self._settings = settings
        self._device = pick_device(settings.backend, settings.device)
        self._dtype = pick_dtype(settings.dtype, self._device)
        model = load_model(settings.backend, AutoModelForImageTextToText, folder, self._dtype)
        auto: Any = AutoProcessor
        own_decoding(model)
        self._model = model.to(self._device)
        self._processor = auto.from_pretrained(folder)
        self._processor.tokenizer.padding_side = "left"  # answers begin where prompts end
        if self._processor.tokenizer.pad_token is None:
            self._processor.tokenizer.pad_token = self._processor.tokenizer.eos_token
        ends = self._model.generation_config.eos_token_id
        self._ends = {ends} if isinstance(ends, int) else set(ends or ())

    def answer(self, images: list[Image], prompts: list[str]) -> list[tuple[Description, float]]:
        """One judged answer per image, and the geometric mean probability of its tokens."""
        import torch

        inputs = self._processor.apply_chat_template(
            [self._chat(*each) for each in zip(images, prompts, strict=True)],
            add_generation_prompt=True,
            tokenize=True,
            return_dict=True,
            return_tensors="pt",
            processor_kwargs={"padding": True},
        )
        inputs = inputs.to(self._device, dtype=self._dtype)
        with torch.inference_mode():
            out = self._model.generate(
                **inputs,
                **self._settings.decoding.arguments,
                pad_token_id=self._processor.tokenizer.pad_token_id,
                return_dict_in_generate=True,
                output_scores=True,
            )
            scores = self._model.compute_transition_scores(out.sequences, out.scores, normalize_logits=True)
        written = out.sequences[:, inputs["input_ids"].shape[1] :]
        return [self._judged(tokens.tolist(), row.tolist()) for tokens, row in zip(written, scores, strict=True)]

    def _chat(self, image: Image, prompt: str) -> list[dict[str, Any]]:
        from PIL import Image as Pil

        picture = Pil.fromarray(image)
        picture.thumbnail((self._settings.image_side, self._settings.image_side))
        return [{"role": "user", "content": [{"type": "image", "image": picture}, {"type": "text", "text": prompt}]}]

    def _judged(self, tokens: list[int], scores: list[float]) -> tuple[Description, float]:
        end = next((index for index, token in enumerate(tokens) if token in self._ends), None)
        if end is None:
            return Description(
                "", f"cut off at {self._settings.max_new_tokens} tokens: raise specialist.max_new_tokens"
            ), 0.0
        text = self._processor.tokenizer.decode(tokens[:end], skip_special_tokens=False)  # they tell thinking apart
        score = math.exp(sum(scores[: end + 1]) / (end + 1))
        return check_description(text, self._settings.prompts), score


def _chunks(images: list[Image], prompts: list[str], size: int) -> Iterator[tuple[list[Image], list[str]]]:
    for start in range(0, len(images), size):
        yield images[start : start + size], prompts[start : start + size]
