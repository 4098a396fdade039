"""SAM and SAM 2 through transformers: tiny checkpoints from disk, against transformers' own processors."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from specialists.masks import PolygonSettings, mask_iou, polygons_to_mask
from specialists.roles import SpecialistError
from specialists.sam_hf import SamHf, SamHfSettings
from tests.specialists.tiny_sam import write_tiny_sam2_hf, write_tiny_sam_hf

EXACT = PolygonSettings(tolerance=0, min_part=0)
BOXES = np.array([[5, 4, 60, 40], [50, 10, 96, 48], [0, 0, 9, 9]], np.float32)


def library_masks(kind: str, folder: Path, image: Any) -> tuple[Any, Any]:
    """Masks bool [n, h, w] and IoU [n] by the model and processor that transformers picks itself."""
    from transformers import AutoProcessor, Sam2Model, SamModel

    model: Any = (SamModel if kind == "sam" else Sam2Model).from_pretrained(folder)
    auto: Any = AutoProcessor  # untyped
    processor = auto.from_pretrained(folder)
    inputs = processor(images=[image], input_boxes=[BOXES.tolist()], return_tensors="pt")
    sizes = [inputs["original_sizes"]] + ([inputs["reshaped_input_sizes"]] if kind == "sam" else [])
    wanted = {name: inputs[name] for name in ("pixel_values", "input_boxes")}
    with torch.inference_mode():
        out = model(**wanted, multimask_output=False)
    [masks] = processor.post_process_masks(out.pred_masks, *sizes)
    return masks[:, 0].numpy(), out.iou_scores[0, :, 0].numpy()


@pytest.mark.parametrize(("kind", "write"), [("sam", write_tiny_sam_hf), ("sam2", write_tiny_sam2_hf)])
def test_masks_are_those_of_the_librarys_processor(kind: str, write: Any, tmp_path: Path) -> None:
    folder = write(tmp_path)
    image = np.random.default_rng(1).integers(0, 256, (48, 96, 3), np.uint8)
    specialist = SamHf(SamHfSettings(weights=str(folder), polygons=EXACT, boxes_at_once=2))
    specialist.load()
    [found] = specialist.segment([image], [BOXES])
    masks, ious = library_masks(kind, folder, image)
    for polygons, wanted in zip(found.polygons, masks, strict=True):
        assert 0 < wanted.mean() < 1
        # the processors resize with another rounding; a few pixels of a random model sit on its threshold
        assert mask_iou(polygons_to_mask(polygons, 48, 96), wanted) > 0.97
    np.testing.assert_allclose(found.scores, np.clip(ious, 0, 1), atol=0.02)


def test_another_model_is_refused(tmp_path: Path) -> None:
    from transformers import BertConfig

    BertConfig().save_pretrained(tmp_path)
    specialist = SamHf(SamHfSettings(weights=str(tmp_path)))
    with pytest.raises(SpecialistError, match="must hold a sam or sam2, got model_type 'bert'"):
        specialist.load()
