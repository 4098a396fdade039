"""Odd names of classes cost a label, or the image that shows one; never the run, and never a wrong label."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from specialists.class_names import class_labels
from specialists.detr import DetrDetector, DetrSettings
from specialists.roles import Image, ItemError
from specialists.ultralytics_yolo import UltralyticsDetector, UltralyticsSettings
from tests.specialists.tiny_detectors import save_tiny_rt_detr, save_tiny_yolo


@pytest.mark.parametrize("name", ["N/A", "n/a", "LABEL_0", "label_12", "", "  ", "-", None, "None"])
def test_what_is_no_name_is_no_label(name: object) -> None:
    assert class_labels("detr", [1, 0, 1], {0: "dog", 1: name}, 0) == ["", "dog", ""]


@pytest.mark.parametrize("name", ["nail", "label maker", "number 0", "狗", "NA flag", "none-of-these"])
def test_names_are_kept(name: str) -> None:
    assert class_labels("detr", [0], {0: f" {name} "}, 0) == [name]


def test_a_number_without_a_name_blames_its_image() -> None:
    with pytest.raises(
        ItemError, match=r"detr: class 0 has no name, the checkpoint names 3 from 1 to 3: number"
    ) as told:
        class_labels("detr", [2, 0], {1: "cat", 2: "dog", 3: "car"}, 5)
    assert told.value.index == 5
    with pytest.raises(ItemError, match="the checkpoint names none"):
        class_labels("detr", [0], {}, 0)


def pictures() -> list[Image]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (48, 64, 3), dtype=np.uint8) for _ in range(3)]


def _renamed(folder: Path, names: dict[int, str]) -> DetrDetector:
    config = json.loads((folder / "config.json").read_text())
    config["id2label"] = {str(number): name for number, name in names.items()}
    config["label2id"] = {name: number for number, name in names.items()}
    (folder / "config.json").write_text(json.dumps(config))
    detector = DetrDetector(DetrSettings(weights=str(folder), batch_size=2, score_floor=0.0))
    detector.load()
    return detector


def test_a_detr_whose_names_count_from_one_fails_image_by_image(tmp_path: Path) -> None:
    detector = _renamed(save_tiny_rt_detr(tmp_path), {1: "cat", 2: "dog", 3: "red car"})
    with pytest.raises(ItemError, match="class 0 has no name, the checkpoint names 3 from 1 to 3"):
        detector.detect(pictures())


def test_a_detr_with_unused_numbers_keeps_their_boxes(tmp_path: Path) -> None:
    usual = _renamed(save_tiny_rt_detr(tmp_path / "usual"), {0: "cat", 1: "dog", 2: "red car"}).detect(pictures())
    odd = _renamed(save_tiny_rt_detr(tmp_path / "odd"), {0: "N/A", 1: "LABEL_1", 2: ""}).detect(pictures())
    assert all(all(found.labels) for found in usual)
    assert [found.labels for found in odd] == [[""] * len(found.labels) for found in usual]
    assert all(np.array_equal(a.boxes, b.boxes) for a, b in zip(usual, odd, strict=True))


def test_a_yolo_with_an_empty_class_name(tmp_path: Path) -> None:
    import torch

    file = save_tiny_yolo(tmp_path)
    checkpoint: Any = torch.load(file, weights_only=False)
    checkpoint["model"].names = dict.fromkeys(checkpoint["model"].names, "")
    torch.save(checkpoint, file)
    detector = UltralyticsDetector(UltralyticsSettings(weights=str(file), image_size=64, score_floor=0.0))
    detector.load()
    labels = [label for found in detector.detect(pictures()) for label in found.labels]
    assert set(labels) == {""}


def test_a_detr_with_an_image_encoder_of_timm(tmp_path: Path) -> None:
    """As facebook/detr-resnet-50 is; the package is the extra `detr`."""
    import transformers

    library: Any = transformers
    config = library.DetrConfig(
        use_timm_backbone=True, use_pretrained_backbone=False, backbone="test_resnet", backbone_kwargs={},
        num_queries=4, d_model=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=16, decoder_ffn_dim=16,
    )  # fmt: skip
    config.id2label, config.label2id = {0: "cat", 1: "dog"}, {"cat": 0, "dog": 1}
    library.DetrForObjectDetection(config).save_pretrained(tmp_path)
    library.DetrImageProcessor(size={"shortest_edge": 64, "longest_edge": 96}).save_pretrained(tmp_path)
    detector = DetrDetector(DetrSettings(weights=str(tmp_path), score_floor=0.0))
    detector.load()
    assert [len(found.labels) for found in detector.detect(pictures())] == [4, 4, 4]
