"""DETR, RT-DETR and D-FINE against transformers' own path on the same random weights."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from specialists.detr import MAX_ASPECT, DetrDetector, DetrSettings
from specialists.roles import Image, SpecialistError
from tests.specialists.tiny_detectors import LABELS, save_tiny_d_fine, save_tiny_detr, save_tiny_rt_detr

SAVES = [save_tiny_detr, save_tiny_rt_detr, save_tiny_d_fine]


@pytest.fixture(scope="module", params=SAVES, ids=["detr", "rt-detr", "d-fine"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    save: Callable[[Path], Path] = request.param
    return save(tmp_path_factory.mktemp("detr"))


def detector(folder: Path, **settings: Any) -> DetrDetector:
    built = DetrDetector(DetrSettings(weights=str(folder), **settings))
    built.load()
    return built


def pictures() -> list[Image]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (h, w, 3), dtype=np.uint8) for h, w in [(48, 64), (90, 60), (48, 64), (31, 200)]]


def test_boxes_are_those_of_the_library_on_each_image(folder: Path) -> None:
    import torch
    import transformers

    library: Any = transformers
    processor = library.AutoImageProcessor.from_pretrained(folder)
    model = library.AutoModelForObjectDetection.from_pretrained(folder).eval()
    images = pictures()
    for image, found in zip(images, detector(folder, batch_size=2).detect(images), strict=True):
        with torch.inference_mode():
            outputs = model(**processor(images=image, return_tensors="pt"))
        [expected] = processor.post_process_object_detection(outputs, 0.01, target_sizes=[image.shape[:2]])
        inside = np.clip(expected["boxes"].numpy(), 0, [image.shape[1], image.shape[0]] * 2)
        assert len(inside) > 3
        assert np.allclose(found.boxes, inside, atol=1e-2)
        assert np.allclose(found.scores, expected["scores"].numpy(), atol=1e-4)
        assert found.labels == [LABELS[int(label)] for label in expected["labels"]]


def test_a_floor_above_every_score_gives_no_boxes(folder: Path) -> None:
    found = detector(folder, score_floor=0.999).detect(pictures())
    assert [(one.boxes.shape, one.labels) for one in found] == [((0, 4), [])] * 4


def test_a_thin_image_is_answered_like_the_same_image_stretched(folder: Path) -> None:
    thin = np.random.default_rng(1).integers(0, 256, (2, 4 * MAX_ASPECT, 3), dtype=np.uint8)
    built = detector(folder)
    [found], [stretched] = built.detect([thin]), built.detect([np.repeat(thin, 2, axis=0)])
    assert np.allclose(found.boxes * [1, 2, 1, 2], stretched.boxes, atol=1e-3)


def test_bfloat16_answers_nearly_the_same(folder: Path) -> None:
    images = pictures()[:1]
    [exact], [rough] = detector(folder).detect(images), detector(folder, dtype="bfloat16").detect(images)
    assert rough.boxes.dtype == np.float32
    assert len(rough.labels) > 3
    assert abs(float(np.median(rough.scores)) - float(np.median(exact.scores))) < 0.1


def test_weights_that_are_no_detector_are_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "bert"}', encoding="utf-8")
    with pytest.raises(SpecialistError, match=r"detr: .* holds no AutoModelForObjectDetection that trans"):
        detector(tmp_path)
