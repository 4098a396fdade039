"""YOLO against ultralytics' own predict on the same random weights, and what its library would do by itself."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow
from pydantic import ValidationError

from specialists.roles import Image, MissingRequirementError, SpecialistError
from specialists.ultralytics_yolo import UltralyticsDetector, UltralyticsSettings
from tests.specialists.tiny_detectors import save_tiny_yolo


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_yolo(tmp_path_factory.mktemp("yolo"))


def detector(weights: Path, **settings: Any) -> UltralyticsDetector:
    built = UltralyticsDetector(UltralyticsSettings(weights=str(weights), image_size=64, **settings))
    built.load()
    return built


def pictures() -> list[Image]:
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 256, (h, w, 3), dtype=np.uint8) for h, w in [(48, 64), (90, 60), (48, 64), (31, 200)]]
    noise[0][:, :20] = (250, 20, 20)  # red and blue differ: swapped channels would show
    return noise


def test_boxes_are_those_of_the_library_on_pillow_images(weights: Path) -> None:
    import ultralytics

    library: Any = ultralytics
    model = library.YOLO(str(weights))
    images = pictures()
    options = {"imgsz": 64, "conf": 0.01, "iou": 0.7, "device": "cpu", "rect": False, "verbose": False}
    expected = [model.predict([Pillow.fromarray(image)], **options)[0] for image in images]
    for found, result in zip(detector(weights, batch_size=3).detect(images), expected, strict=True):
        assert len(found.labels) > 3
        assert np.allclose(found.boxes, result.boxes.xyxy.numpy(), atol=1e-2)
        assert np.allclose(found.scores, result.boxes.conf.numpy(), atol=1e-4)
        assert found.labels == [result.names[int(label)] for label in result.boxes.cls]


def test_colours_matter_in_the_right_order(weights: Path) -> None:
    built, image = detector(weights), pictures()[0]
    [found], [swapped] = built.detect([image]), built.detect([image[..., ::-1]])
    assert found.scores.shape != swapped.scores.shape or not np.allclose(found.scores, swapped.scores)


def test_images_without_boxes_because_nms_ran_out_of_time_are_run_alone(weights: Path) -> None:
    from ultralytics.utils import LOGGER

    built, images, batches = detector(weights), pictures(), []

    def out_of_time(_module: Any, inputs: Any, _output: Any) -> None:
        batches.append(len(inputs[0]))
        LOGGER.warning("NMS time limit 2.400s exceeded")

    expected = detector(weights).detect(images)
    built.detect(images[:1])  # the library warms up with an empty picture
    built._loaded.predictor.model.model.register_forward_hook(out_of_time)
    found = built.detect(images)
    assert batches == [4, 1, 1, 1, 1]
    for one, other in zip(found, expected, strict=True):
        assert np.allclose(one.boxes, other.boxes, atol=1e-2)


def test_the_number_of_torch_threads_stays(weights: Path) -> None:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        detector(weights).detect(pictures()[:1])
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


def test_max_detections_and_floor_are_the_librarys(weights: Path) -> None:
    assert [len(found.labels) for found in detector(weights, max_detections=2).detect(pictures())] == [2] * 4
    assert [len(found.labels) for found in detector(weights, score_floor=0.99).detect(pictures())] == [0] * 4


class Foreign:
    """A class that the library's safe loader does not know."""


def test_a_pickle_of_other_classes_must_be_trusted(weights: Path, tmp_path: Path) -> None:
    import torch

    checkpoint = torch.load(weights, weights_only=False)
    checkpoint["note"] = Foreign()
    file = tmp_path / "foreign.pt"
    torch.save(checkpoint, file)
    with pytest.raises(SpecialistError, match=r"not loaded by the library's safe loader .* set trust_pickle: true"):
        detector(file)
    assert len(detector(file, trust_pickle=True).detect(pictures())) == 4


def test_a_name_is_never_downloaded() -> None:
    with pytest.raises(MissingRequirementError, match=r"ultralytics: no weights at 'yolo11n\.pt'"):
        detector(Path("yolo11n.pt"))


def test_settings_that_the_library_has_not() -> None:
    with pytest.raises(ValidationError, match="dtype must be auto, float32 or float16 for ultralytics"):
        UltralyticsSettings(weights="x.pt", dtype="bfloat16")
