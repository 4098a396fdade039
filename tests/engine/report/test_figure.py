from pathlib import Path

import pytest
from PIL import Image

from engine.config.config_text import ConfigError
from engine.report.figure import draw_measures
from tests.engine.report.test_eval_report import measured


def test_rounds_are_drawn(tmp_path: Path) -> None:
    found = {0: measured(0.5), 1: measured(0.6)}
    for each in found.values():
        each["stages"] = {name: {"masks/iou": values["boxes/recall"]} for name, values in each["stages"].items()}
    draw_measures(found, str(tmp_path / "quality.png"), "two rounds")
    with Image.open(tmp_path / "quality.png") as picture:
        assert min(picture.size) > 300
        assert len(set(picture.convert("L").tobytes())) > 10


def test_nothing_to_draw_and_a_type_that_is_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nothing to draw: no round has any of boxes/f1"):
        draw_measures({0: measured(0.5)}, str(tmp_path / "x.png"), "")
    found = measured(0.5)
    found["stages"]["kept"]["boxes/f1"] = found["stages"]["kept"]["boxes/recall"]
    with pytest.raises(ConfigError, match=r"figure must name an image file such as quality\.png, got"):
        draw_measures({0: found}, str(tmp_path / "x.nonsense"), "")
