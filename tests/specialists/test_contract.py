"""One contract for every backend: real libraries, tiny checkpoints, and one fake."""

import json
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from specialists.roles import (
    Context,
    Detections,
    Image,
    Masks,
    Phrase,
    ScoredCaption,
    SpecialistError,
    Words,
)
from tests.specialists.contract_cases import CASES, Case

TEXT = "a red car and two dogs on the grass"
BOXES = np.array([[0, 0, 5, 5], [1, 0, 400, 300]], dtype=np.float32)


def ask(case: Case, specialist: Any, images: list[Image]) -> list[Any]:
    """The role's verb, with the same question for every image."""
    count = len(images)
    asks: dict[str, Callable[[], list[Any]]] = {
        "captioner": lambda: specialist.caption(images, "brief"),
        "detector": lambda: specialist.detect(images),
        "reader": lambda: specialist.read(images),
        "grounder": lambda: specialist.ground(images, [TEXT] * count),
        "segmenter": lambda: specialist.segment(images, [BOXES] * count),
        "matcher": lambda: specialist.similarity(images, [["a dog", "a red car", ""]] * count),
        "describer": lambda: specialist.describe(images, [Context("a dog")] * count, "detailed"),
    }
    return asks[case.role]()


@pytest.fixture(scope="module", params=CASES, ids=lambda case: case.name)
def case(request: pytest.FixtureRequest) -> Case:
    found: Case = request.param
    return found


@pytest.fixture(scope="module")
def unloaded(case: Case, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The specialist as the driver sends it to a worker."""
    return pickle.dumps(case.build(tmp_path_factory.mktemp(case.name)))


@pytest.fixture(scope="module")
def specialist(unloaded: bytes) -> Any:
    built = pickle.loads(unloaded)
    built.load()
    return built


def picture(height: int, width: int, seed: int = 0) -> Image:
    """Noise with a bright and a dark rectangle; read-only, as images from a shared object store are."""
    image = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    image[: height // 2, : width // 3] = (255, 40, 10)
    image[height // 2 :, width // 2 :] = (10, 30, 60)
    image.setflags(write=False)
    return image


def check(case: Case, answer: Any, image: Image) -> None:
    """Shapes and dtypes are checked by the dataclasses; here: ranges and frames."""
    size = np.array([image.shape[1], image.shape[0]], dtype=np.float32)
    if case.role in ("captioner", "describer"):
        assert isinstance(answer, ScoredCaption)
        _unit([answer.score or 0.0])
    elif case.role == "detector":
        assert isinstance(answer, Detections)
        _inside(answer.boxes, size)
        _unit(answer.scores)
    elif case.role == "reader":
        assert isinstance(answer, Words)
        _inside(answer.quads, size)
        _unit(answer.scores)
    elif case.role == "grounder":
        for phrase in answer:
            assert isinstance(phrase, Phrase)
            assert 0 <= phrase.start < phrase.end <= len(TEXT)
            _inside(phrase.boxes, size)
            _unit([phrase.score or 0.0, *phrase.box_scores])
    elif case.role == "segmenter":
        assert isinstance(answer, Masks)
        assert len(answer.polygons) == len(BOXES)
        for ring in (ring for rings in answer.polygons for ring in rings):
            _inside(np.array(ring, dtype=np.float32), size)
    else:
        assert answer.shape == (3,)
        assert answer.dtype == np.float32
        _unit(answer)


def _inside(points: Any, size: Any) -> None:
    xy = np.asarray(points).reshape(-1, 2)
    assert np.all(xy >= 0)
    assert np.all(xy <= size)


def _unit(scores: Any) -> None:
    found = np.asarray(scores)
    assert np.all((found >= 0) & (found <= 1.00001))


def same(case: Case, one: Any, other: Any) -> None:
    """Equal up to the last bits of a differently cut batch."""
    if isinstance(one, list):
        assert len(one) == len(other)
        for left, right in zip(one, other, strict=True):
            same(case, left, right)
    elif isinstance(one, np.ndarray):
        tolerance = 1e-4 if one.ndim == 1 else case.tolerance_px
        assert one.shape == other.shape
        assert np.allclose(one, other, atol=tolerance, rtol=0)
    elif isinstance(one, float):
        assert one == pytest.approx(other, abs=case.tolerance_px)
    elif isinstance(one, ScoredCaption | Detections | Words | Phrase | Masks):
        for name, value in vars(one).items():
            same(case, value, getattr(other, name))
    else:
        assert one == other


def test_an_empty_batch_gives_an_empty_list(case: Case, specialist: Any) -> None:
    assert ask(case, specialist, []) == []


@pytest.mark.parametrize(
    ("height", "width"), [(1, 1), (1, 900), (900, 1), (3, 3), (3, 40), (40, 3), (64, 64)], ids=lambda size: str(size)
)
def test_any_shape_of_image_is_answered_in_its_own_pixels(case: Case, specialist: Any, height: int, width: int) -> None:
    image = picture(height, width)
    [answer] = ask(case, specialist, [image])
    check(case, answer, image)


@pytest.mark.parametrize("colour", [0, 255])
def test_an_image_without_content_is_answered(case: Case, specialist: Any, colour: int) -> None:
    image = np.full((48, 64, 3), colour, dtype=np.uint8)
    [answer] = ask(case, specialist, [image])
    check(case, answer, image)


def test_a_batch_answers_as_its_images_one_by_one_and_in_their_order(case: Case, specialist: Any) -> None:
    images = [picture(48, 64, 1), picture(96, 50, 2), picture(48, 64, 3), picture(20, 90, 4), picture(48, 64, 5)]
    together = ask(case, specialist, images)
    alone = [ask(case, specialist, [image.copy()])[0] for image in images]
    same(case, together, alone)
    backwards = ask(case, specialist, [image.copy() for image in reversed(images)])
    same(case, together, backwards[::-1])


@pytest.mark.parametrize(
    "bad",
    [
        np.zeros((8, 8, 3), dtype=np.float32),
        np.zeros((8, 8), dtype=np.uint8),
        np.zeros((8, 8, 4), dtype=np.uint8),
        np.zeros((0, 8, 3), dtype=np.uint8),
    ],
    ids=["float", "grey", "rgba", "empty"],
)
def test_what_is_no_rgb_picture_is_refused_by_position(case: Case, specialist: Any, bad: Any) -> None:
    with pytest.raises(ValueError, match=r"\[1\] must be uint8 \[h, w, 3\]"):
        ask(case, specialist, [picture(8, 8), bad])


def test_a_verb_before_load_and_after_close_is_refused(case: Case, unloaded: bytes) -> None:
    specialist = pickle.loads(unloaded)
    with pytest.raises(SpecialistError, match=r"load\(\)"):
        ask(case, specialist, [picture(8, 8)])
    specialist.load()
    specialist.close()
    with pytest.raises(SpecialistError, match=r"load\(\)"):
        ask(case, specialist, [picture(8, 8)])


def test_the_fingerprint_needs_no_load_and_stays(case: Case, unloaded: bytes, specialist: Any) -> None:
    before = pickle.loads(unloaded).fingerprint()
    assert before == specialist.fingerprint() == json.loads(json.dumps(before))
    assert before["backend"]
    assert not {"device", "batch_size"} & set(before)
