"""What both Grounding DINO backends share: settings, how images and texts become batches, and batches phrases.

Comes in: images and their texts. Goes out: phrases per text. Only images that have the same size after scaling share a
batch: padded images are supported by the model, but their boxes change with their neighbours, and a corpus must not.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from shards.finding import Span
from specialists.groundingdino_phrases import Hits, chunk_phrases, merged, model_phrases, pixel_boxes
from specialists.roles import Fingerprint, Image, Phrase, check_images
from specialists.spans import Offsets, TokenizedCaption, captions_for
from specialists.weights import ModelSettings

MIN_SIDE = 64
"""Scaled images are no narrower, px: below, the feature maps of a 1333 px long image hold fewer places than there are
queries (900), and the model fails."""

Chunks = Callable[[list[str]], list[list[Span]]]
"""texts -> the spans of each that are phrases to look for; picklable where the specialist travels to a worker."""


class GroundingDinoCommon(ModelSettings):
    """Settings of every Grounding DINO."""

    phrases: Literal["model", "chunks"] = Field(
        "model", description="model: the model marks the phrases, chunks: the noun chunks of the text are looked for"
    )
    box_floor: float = Field(0.15, ge=0, le=1, description="boxes of a lower score are not returned")
    text_floor: float = Field(
        0.25, ge=0, le=1, description="phrases: model only; words of a lower score are no part of a phrase"
    )
    short_side: int = Field(800, ge=32, description="images are scaled to this short side, px ...")
    long_side: int = Field(1333, ge=32, description="... unless the long side would exceed this")
    pairs_at_once: int = Field(4, ge=1, description="pairs of an image and a text that go through the model together")


@dataclass(frozen=True, eq=False)
class CaptionedBatch:
    """Pairs for one pass: captions[i] is about pixels[rows[i]]. pixels: float32 [u, 3, h, w], ImageNet-normalised."""

    pixels: NDArray[np.float32]
    rows: list[int]
    captions: list[TokenizedCaption]


class Forward(Protocol):
    """One pass of a model: relative boxes cx cy w h float32 [b, q, 4] and probabilities float32 [b, q, tokens]."""

    def __call__(self, batch: CaptionedBatch) -> tuple[NDArray[np.float32], NDArray[np.float32]]: ...


def ground_texts(
    images: list[Image],
    texts: list[str],
    settings: GroundingDinoCommon,
    forward: Forward,
    offsets: Offsets,
    max_tokens: int,
    chunks: Chunks | None,
) -> list[list[Phrase]]:
    """Phrases per pair. A text without letters or digits has none and costs nothing."""
    check_images(images)
    if len(images) != len(texts):
        raise ValueError(f"texts must be as many as images ({len(images)}), got {len(texts)}")
    spans = chunks(texts) if chunks is not None else None
    hits: list[list[Hits]] = [[] for _ in texts]
    jobs = [(pair, caption) for pair, text in enumerate(texts) for caption in captions_for(text, offsets, max_tokens)]
    for group in _groups(jobs, images, settings):
        boxes, scores = forward(_batch([images[pair] for pair, _ in group], [one for _, one in group], settings))
        for (pair, caption), places, table in zip(group, boxes, scores, strict=True):
            found = pixel_boxes(places, images[pair].shape[1], images[pair].shape[0])
            hits[pair] += (
                model_phrases(texts[pair], caption, found, table, settings.box_floor, settings.text_floor)
                if spans is None
                else chunk_phrases(spans[pair], caption, found, table, settings.box_floor)
            )
    return [merged(some) for some in hits]


def common_facts(settings: GroundingDinoCommon) -> Fingerprint:
    """The part of a fingerprint that both backends share."""
    return {
        "dtype": settings.stated_dtype,
        "phrases": settings.phrases,
        "box_floor": settings.box_floor,
        "text_floor": settings.text_floor if settings.phrases == "model" else None,
        "short_side": settings.short_side,
        "long_side": settings.long_side,
    }


def check_chunks(settings: GroundingDinoCommon, chunks: Chunks | None) -> None:
    """Raise ValueError unless there are chunks exactly where the settings ask for them."""
    if (settings.phrases == "chunks") != (chunks is not None):
        given = "no chunks were given" if chunks is None else "chunks were given"
        raise ValueError(f"phrases is {settings.phrases!r} but {given}: use phrases: chunks together with chunks")


def token_offsets(tokenizer: Any) -> Offsets:
    """The offsets of a tokenizer of transformers, its own tokens included as (0, 0)."""

    def offsets(text: str) -> list[Span]:
        found: list[Span] = tokenizer(text, return_offsets_mapping=True, verbose=False)["offset_mapping"]
        return found

    return offsets


def scaled_size(width: int, height: int, short_side: int, long_side: int) -> tuple[int, int]:
    """Width and height as `groundingdino.datasets.transforms.resize` computes them, but at least MIN_SIDE."""
    if max(width, height) / min(width, height) * short_side > long_side:
        short_side = round(long_side * min(width, height) / max(width, height))
    short = max(short_side, min(MIN_SIDE, long_side))
    if width < height:
        return short, max(short, int(short_side * height / width))
    return max(short, int(short_side * width / height)), short


def normalised_pixels(image: Image, settings: GroundingDinoCommon) -> NDArray[np.float32]:
    """float32 [3, h, w]: scaled and normalised as the checkpoints were trained."""
    from PIL import Image as Pictures

    size_wh = scaled_size(image.shape[1], image.shape[0], settings.short_side, settings.long_side)
    scaled = np.asarray(Pictures.fromarray(image).resize(size_wh, Pictures.Resampling.BILINEAR), np.float32) / 255
    mean, std = np.array([0.485, 0.456, 0.406], np.float32), np.array([0.229, 0.224, 0.225], np.float32)
    pixels: NDArray[np.float32] = np.ascontiguousarray(((scaled - mean) / std).transpose(2, 0, 1))
    return pixels


def _groups(
    jobs: list[tuple[int, TokenizedCaption]], images: list[Image], settings: GroundingDinoCommon
) -> list[list[tuple[int, TokenizedCaption]]]:
    """Jobs of equal scaled size, so many at once; an image's texts are not parted unless they are more, so that it is
    encoded once."""
    by_size: dict[tuple[int, int], list[tuple[int, TokenizedCaption]]] = {}
    for job in sorted(jobs, key=lambda job: _first_use(images, job[0])):
        height, width = images[job[0]].shape[:2]
        size = scaled_size(width, height, settings.short_side, settings.long_side)
        by_size.setdefault(size, []).append(job)
    return [group for some in by_size.values() for group in _packed(some, images, settings.pairs_at_once)]


def _packed(
    jobs: list[tuple[int, TokenizedCaption]], images: list[Image], at_once: int
) -> list[list[tuple[int, TokenizedCaption]]]:
    """Jobs, those of an image side by side, in groups of `at_once` at most."""
    groups: list[list[tuple[int, TokenizedCaption]]] = [[]]
    for _, same in groupby(jobs, key=lambda job: id(images[job[0]])):
        own = list(same)
        if len(groups[-1]) + len(own) <= at_once:
            groups[-1] += own
        else:
            groups += [own[start : start + at_once] for start in range(0, len(own), at_once)]
    return [group for group in groups if group]


def _first_use(images: list[Image], index: int) -> int:
    return next(place for place, image in enumerate(images) if image is images[index])


def _batch(images: list[Image], texts: list[TokenizedCaption], settings: GroundingDinoCommon) -> CaptionedBatch:
    distinct = {id(image): image for image in images}
    places = {key: place for place, key in enumerate(distinct)}
    pixels = np.stack([normalised_pixels(image, settings) for image in distinct.values()])
    return CaptionedBatch(pixels, [places[id(image)] for image in images], texts)
