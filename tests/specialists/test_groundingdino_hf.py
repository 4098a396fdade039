"""Grounding DINO through transformers: a tiny checkpoint from disk, against transformers' own processor."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from specialists.groundingdino_hf import GroundingDinoHf, GroundingDinoHfSettings
from specialists.roles import Image
from tests.specialists.tiny_groundingdino import write_tiny_groundingdino_hf

TEXT = "a dog plays with two brown ball and the cat"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_groundingdino_hf(tmp_path_factory.mktemp("groundingdino_hf"))


@pytest.fixture(scope="module")
def grounder(checkpoint: Path) -> Iterator[GroundingDinoHf]:
    settings = GroundingDinoHfSettings(
        weights=str(checkpoint), short_side=64, long_side=96, box_floor=0.0, text_floor=0.0
    )
    specialist = GroundingDinoHf(settings)
    specialist.load()
    yield specialist
    specialist.close()


def picture(seed: int, height: int = 60, width: int = 80) -> Image:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def test_boxes_are_those_of_the_librarys_processor(grounder: GroundingDinoHf, checkpoint: Path) -> None:
    from transformers import AutoProcessor, GroundingDinoForObjectDetection

    image = picture(1)
    auto: Any = AutoProcessor
    processor = auto.from_pretrained(checkpoint)
    model: Any = GroundingDinoForObjectDetection.from_pretrained(checkpoint)
    inputs = processor(images=image, text=TEXT + ".", return_tensors="pt")
    with torch.inference_mode():
        out = model.eval()(**inputs)
    [wanted] = processor.post_process_grounded_object_detection(
        out, inputs["input_ids"], threshold=0.0, text_threshold=0.0, target_sizes=[image.shape[:2]]
    )
    [phrases] = grounder.ground([image], [TEXT])
    [phrase] = phrases  # with floors at 0 every query names the whole text
    assert TEXT[phrase.start : phrase.end] == TEXT
    theirs = np.clip(wanted["boxes"].numpy(), 0, [80, 60, 80, 60])
    ours = phrase.boxes[np.lexsort(phrase.boxes.T)]
    np.testing.assert_allclose(ours, theirs[np.lexsort(theirs.T)], atol=0.5)  # the processor resizes otherwise


def test_a_batch_of_different_captions_says_what_each_pair_alone_says(grounder: GroundingDinoHf) -> None:
    first, second = picture(1), picture(2)
    images, texts = [first, first, second, first], [TEXT, "the cat", "two dogs", ""]
    together = grounder.ground(images, texts)
    assert together[3] == []
    for image, text, phrases in zip(images, texts, together, strict=True):
        [alone] = grounder.ground([image], [text])
        assert [(one.start, one.end) for one in alone] == [(one.start, one.end) for one in phrases]
        for one, other in zip(alone, phrases, strict=True):
            np.testing.assert_allclose(one.boxes, other.boxes, atol=0.05)
            np.testing.assert_allclose(one.box_scores, other.box_scores, atol=1e-3)
