"""Grounding DINO through groundingdino-py: a checkpoint from disk, against the library's own `predict`."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from specialists.groundingdino import GroundingDino, GroundingDinoSettings
from specialists.groundingdino_build import load_groundingdino, quiet
from specialists.roles import Image, MissingRequirementError, Phrase, SpecialistError
from tests.specialists.tiny_groundingdino import write_tiny_groundingdino

TEXT = "a dog plays with two brown ball and the cat"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return write_tiny_groundingdino(tmp_path_factory.mktemp("groundingdino"))


@pytest.fixture(scope="module")
def settings(files: tuple[Path, Path]) -> GroundingDinoSettings:
    return GroundingDinoSettings(
        weights=str(files[0]), text_encoder=str(files[1]), short_side=64, long_side=96, box_floor=0.3, text_floor=0.25
    )


@pytest.fixture(scope="module")
def grounder(settings: GroundingDinoSettings) -> Iterator[GroundingDino]:
    specialist = GroundingDino(settings)
    specialist.load()
    yield specialist
    specialist.close()


def picture(seed: int, height: int = 60, width: int = 80) -> Image:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def by_box(text: str, phrases: list[Phrase]) -> dict[tuple[int, ...], tuple[float, list[str]]]:
    """Box in whole pixels -> its best score, and the phrases that name it in the order of the text."""
    found: dict[tuple[int, ...], tuple[float, list[str]]] = {}
    for phrase in phrases:
        for box, score in zip(phrase.boxes, phrase.box_scores, strict=True):
            best, names = found.get(tuple(np.round(box).astype(int)), (0.0, []))
            found[tuple(np.round(box).astype(int))] = (
                max(best, float(score)),
                [*names, text[phrase.start : phrase.end]],
            )
    return found


def library_answer(files: tuple[Path, Path], image: Image) -> dict[tuple[int, ...], tuple[float, list[str]]]:
    """What `predict` says, in the form of `by_box`. Where it names [CLS] or [SEP], its score may be theirs."""
    with quiet():
        from groundingdino.datasets import transforms
        from groundingdino.util.inference import predict
    from PIL import Image as Pictures

    steps = [
        transforms.RandomResize([64], max_size=96),
        transforms.ToTensor(),
        transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
    ]
    pixels, _ = transforms.Compose(steps)(Pictures.fromarray(image), None)
    with quiet():
        boxes, scores, phrases = predict(load_groundingdino(*files), pixels, TEXT, 0.3, 0.25, device="cpu")
    height, width = image.shape[:2]
    corners = np.concatenate([boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2], axis=1)
    pixels_xyxy = np.round(np.clip(corners, 0, 1) * np.array([width, height] * 2))
    return {
        tuple(box.astype(int)): (float(score), phrase.split())
        for box, score, phrase in zip(pixels_xyxy, scores, phrases, strict=True)
    }


def test_boxes_scores_and_phrases_are_those_of_the_library(grounder: GroundingDino, files: tuple[Path, Path]) -> None:
    image = picture(1)
    [phrases] = grounder.ground([image], [TEXT])
    ours, theirs = by_box(TEXT, phrases), library_answer(files, image)
    special = {box for box, (_, words) in theirs.items() if {"[CLS]", "[SEP]"} & set(words)}
    assert len(theirs.keys() - special) >= 3
    assert theirs.keys() - special <= ours.keys() <= theirs.keys()
    for box in theirs.keys() - special:
        assert ours[box][0] == pytest.approx(theirs[box][0], abs=1e-4)
        assert " ".join(ours[box][1]).split() == theirs[box][1]


def test_a_batch_of_different_captions_says_what_each_pair_alone_says(grounder: GroundingDino) -> None:
    first, second, tall = picture(1), picture(2), picture(3, 80, 60)
    images = [first, first, second, tall, first]
    texts = [TEXT, "the cat", "two dogs", "a ball", ""]
    together = grounder.ground(images, texts)
    assert together[4] == []
    for image, text, phrases in zip(images, texts, together, strict=True):
        [alone] = grounder.ground([image], [text])
        assert [(one.start, one.end) for one in alone] == [(one.start, one.end) for one in phrases]
        for one, other in zip(alone, phrases, strict=True):
            np.testing.assert_allclose(one.boxes, other.boxes, atol=0.05)
            np.testing.assert_allclose(one.box_scores, other.box_scores, atol=1e-3)


def test_phrases_point_into_the_text_as_given(grounder: GroundingDino) -> None:
    [phrases] = grounder.ground([picture(1)], ["  A DOG plays WITH two cats.  "])
    assert phrases
    for phrase in phrases:
        words = "  A DOG plays WITH two cats.  "[phrase.start : phrase.end].split()
        assert set(words) <= {"A", "DOG", "plays", "WITH", "two", "cats"}


def test_a_text_longer_than_the_model_is_grounded_to_its_end(grounder: GroundingDino) -> None:
    text = "a dog plays with the cat. " * 60
    [phrases] = grounder.ground([picture(1)], [text])
    assert max(phrase.end for phrase in phrases) > 26 * 50


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (500, 1)])
def test_the_smallest_and_longest_images_pass(grounder: GroundingDino, size: tuple[int, int]) -> None:
    [phrases] = grounder.ground([picture(1, *size)], [TEXT])
    assert all((phrase.boxes <= [size[1], size[0]] * 2).all() for phrase in phrases)


def test_chunks_are_looked_for_and_each_is_answered(settings: GroundingDinoSettings) -> None:
    def chunks(texts: list[str]) -> list[list[tuple[int, int]]]:
        return [[(0, 5), (17, 31)] for _ in texts]

    specialist = GroundingDino(settings.model_copy(update={"phrases": "chunks", "box_floor": 0.0}), chunks)
    specialist.load()
    [phrases] = specialist.ground([picture(1)], [TEXT])
    assert [TEXT[phrase.start : phrase.end] for phrase in phrases] == ["a dog", "two brown ball"]
    assert all(len(phrase.boxes) > 0 for phrase in phrases)


def test_chunks_without_their_setting_are_refused(settings: GroundingDinoSettings) -> None:
    with pytest.raises(ValueError, match="phrases is 'model' but chunks were given"):
        GroundingDino(settings, lambda texts: [[] for _ in texts])


def test_a_text_encoder_without_its_tokenizer_is_named(files: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes((files[1] / "config.json").read_bytes())
    with pytest.raises(MissingRequirementError, match=r"must hold config.json, and tokenizer.json or vocab.txt"):
        load_groundingdino(files[0], tmp_path)


def test_a_checkpoint_of_other_sizes_is_refused(files: tuple[Path, Path], tmp_path: Path) -> None:
    torch.save({"model": {"transformer.level_embed": torch.zeros(4, 256)}}, tmp_path / "x.pth")
    (tmp_path / "groundingdino.json").write_bytes((files[0] / "groundingdino.json").read_bytes())
    with pytest.raises(SpecialistError, match=r"does not fit its architecture: \d+ keys missing"):
        load_groundingdino(tmp_path, files[1])


def test_the_fingerprint_knows_both_folders_and_no_batch_size(settings: GroundingDinoSettings) -> None:
    facts = GroundingDino(settings).fingerprint()
    assert str(facts["weights"]).startswith("sha256:")
    assert str(facts["text_encoder"]).startswith("sha256:")
    assert GroundingDino(settings.model_copy(update={"pairs_at_once": 1})).fingerprint() == facts
    assert GroundingDino(settings.model_copy(update={"short_side": 100})).fingerprint() != facts
