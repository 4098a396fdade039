"""SAM through segment-anything: a tiny checkpoint from disk, against the library's own predictor."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from specialists.masks import PolygonSettings, polygons_to_mask
from specialists.roles import Boxes, Image, MissingRequirementError, SpecialistError
from specialists.sam_build import load_sam
from specialists.segment_anything_sam import SegmentAnything, SegmentAnythingSettings, scale
from tests.specialists.tiny_sam import write_tiny_sam

EXACT = PolygonSettings(tolerance=0, min_part=0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_sam(tmp_path_factory.mktemp("sam"))


@pytest.fixture(scope="module")
def segmenter(folder: Path) -> Iterator[SegmentAnything]:
    specialist = SegmentAnything(SegmentAnythingSettings(weights=str(folder), polygons=EXACT, boxes_at_once=2))
    specialist.load()
    yield specialist
    specialist.close()


def picture(seed: int, height: int, width: int) -> Image:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def boxes(*rows: tuple[float, float, float, float]) -> Boxes:
    return np.array(rows, np.float32).reshape(-1, 4)


def test_each_box_gets_the_mask_of_the_librarys_predictor(segmenter: SegmentAnything, folder: Path) -> None:
    from segment_anything import SamPredictor

    predictor = SamPredictor(load_sam(folder))
    images = [picture(1, 48, 96), picture(2, 70, 50)]
    prompts = [boxes((5, 4, 60, 40), (50, 10, 96, 48), (0, 0, 9, 9)), boxes((10.5, 20.25, 40, 60))]
    found = segmenter.segment(images, prompts)
    for image, rows, masks in zip(images, prompts, found, strict=True):
        predictor.set_image(image)
        for box, polygons, score in zip(rows, masks.polygons, masks.scores, strict=True):
            wanted, iou, _ = predictor.predict(box=box, multimask_output=False)
            assert 0 < wanted[0].mean() < 1
            np.testing.assert_array_equal(polygons_to_mask(polygons, *image.shape[:2]), wanted[0])
            assert score == pytest.approx(float(np.clip(iou[0], 0, 1)), abs=1e-5)


def test_images_without_boxes_keep_their_place(segmenter: SegmentAnything) -> None:
    images = [picture(1, 20, 30), picture(2, 30, 20), picture(3, 20, 20)]
    found = segmenter.segment(images, [boxes(), boxes((2, 2, 18, 28)), boxes()])
    assert [len(masks.polygons) for masks in found] == [0, 1, 0]


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1)])
def test_the_smallest_and_longest_images_have_masks_of_their_own_size(
    segmenter: SegmentAnything, size: tuple[int, int]
) -> None:
    [masks] = segmenter.segment([picture(1, *size)], [boxes((0, 0, size[1], size[0]))])
    points = np.array([value for ring in masks.polygons[0] for value in ring]).reshape(-1, 2)
    assert (points <= (size[1], size[0])).all()


def test_scaling_never_loses_a_side() -> None:
    assert scale(picture(1, 1, 3000), 64).shape == (1, 64, 3)


@pytest.mark.parametrize(
    ("prompts", "message"),
    [
        ([], r"one array per image \(1\), got 0"),
        ([np.zeros((1, 4))], r"boxes\[0\] must be float32 \[n, 4\], got float64"),
        ([np.zeros((4,), np.float32)], r"must be float32 \[n, 4\], got float32 \[4\]"),
        ([boxes((0, 0, float("nan"), 4))], r"must be finite pixels, got \[0\.0, 0\.0, nan, 4\.0\]"),
    ],
)
def test_wrong_boxes_are_named(segmenter: SegmentAnything, prompts: list[Boxes], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        segmenter.segment([picture(1, 8, 8)], prompts)


def test_half_precision_weights_in_safetensors_load_into_the_same_model(folder: Path, tmp_path: Path) -> None:
    from safetensors.torch import save_file

    state = load_sam(folder).state_dict()
    save_file({key: value.half().contiguous() for key, value in state.items()}, tmp_path / "model.safetensors")
    (tmp_path / "sam.json").write_bytes((folder / "sam.json").read_bytes())
    loaded = load_sam(tmp_path).state_dict()
    assert loaded["mask_decoder.iou_token.weight"].dtype == torch.float32
    assert all(torch.allclose(state[key], loaded[key], atol=1e-2) for key in state)


def test_weights_of_unknown_width_ask_for_their_architecture(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "model.pth").write_bytes((folder / "model.pth").read_bytes())
    with pytest.raises(MissingRequirementError, match=r"none of vit_b, vit_l, vit_h .* put its sizes into .*sam.json"):
        load_sam(tmp_path)
    with pytest.raises(SpecialistError, match="does not fit its architecture"):
        load_sam(tmp_path, "vit_b")


def test_a_pickle_with_more_than_tensors_is_not_loaded(tmp_path: Path) -> None:
    torch.save({"model": Path("x")}, tmp_path / "model.pth")
    with pytest.raises(SpecialistError, match="no state dict of tensors"):
        load_sam(tmp_path, "vit_b")


def test_the_fingerprint_knows_the_polygons_but_not_the_chunks(folder: Path) -> None:
    base = SegmentAnythingSettings(weights=str(folder))
    facts = SegmentAnything(base).fingerprint()
    assert str(facts["weights"]).startswith("sha256:")
    assert SegmentAnything(base.model_copy(update={"boxes_at_once": 1, "device": "cuda"})).fingerprint() == facts
    coarse = base.model_copy(update={"polygons": PolygonSettings(tolerance=3)})
    assert SegmentAnything(coarse).fingerprint() != facts
