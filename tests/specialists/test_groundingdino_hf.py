"""Grounding DINO through transformers: a tiny checkpoint from disk, against transformers' own processor."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from specialists.groundingdino_batches import CaptionedBatch, normalised_pixels
from specialists.groundingdino_hf import GroundingDinoHf, GroundingDinoHfSettings
from specialists.roles import Image
from specialists.spans import TokenizedCaption
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


def test_an_image_is_encoded_once_for_all_its_texts_and_the_answers_are_those_of_the_plain_model(
    grounder: GroundingDinoHf, checkpoint: Path
) -> None:
    from transformers import AutoTokenizer, GroundingDinoForObjectDetection

    images, texts = [picture(1), picture(2)], ["a dog.", "the cat.", "two dog.", "a ball."]
    pixels = np.stack([normalised_pixels(image, grounder.settings) for image in images])
    batch = CaptionedBatch(pixels, [0, 0, 0, 1], [TokenizedCaption(text, []) for text in texts])
    boxes, scores = grounder._forward(batch)
    auto: Any = AutoTokenizer
    words = auto.from_pretrained(checkpoint)(texts, padding="longest", return_tensors="pt")
    plain: Any = GroundingDinoForObjectDetection.from_pretrained(checkpoint)
    with torch.inference_mode():
        out = plain.eval()(pixel_values=torch.tensor(pixels)[[0, 0, 0, 1]], **words)
    np.testing.assert_allclose(boxes, out.pred_boxes.numpy(), atol=1e-5)
    np.testing.assert_allclose(scores, out.logits.sigmoid().numpy(), atol=1e-5)


def test_no_image_is_encoded_twice_where_its_texts_fit_into_one_pass(grounder: GroundingDinoHf) -> None:
    images = [image for image in map(picture, range(3)) for _ in range(3)]
    encoded: list[int] = []
    watch = grounder._once.encoder.register_forward_pre_hook(lambda _, given: encoded.append(len(given[0])))
    grounder.ground(images, [TEXT, "the cat", "two dogs"] * 3)
    watch.remove()
    assert encoded == [1, 1, 1]  # passes of 3 texts each: 4 would hold parts of two images


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
