"""Scenes drawn, read by nobody but a scripted reader, and measured."""

from pathlib import Path

import pytest

from engine.api.scenes import scenes
from engine.config.config_text import ConfigError
from engine.report.eval_report import SHOWN
from engine.report.quality import comparison, measure
from shards.record import Record, read_record_lines
from stages.scenes.gold import draw_scene


def gold() -> list[Record]:
    return [draw_scene(7, index).record for index in range(6)]


def test_gold_against_itself_is_perfect() -> None:
    table = measure(gold(), gold())
    for name in ("boxes/precision", "boxes/recall", "masks/iou", "texts/precision", "texts/recall", "words/f1"):
        assert table[name].value == pytest.approx(1.0), name
    assert comparison({"gold": table}, SHOWN).row_count == 17


def test_what_nobody_annotated_is_not_measured() -> None:
    nothing = [Record(g.key, g.uri, g.sha256, g.width, g.height, 0) for g in gold()]
    assert measure(nothing, gold()) == {}
    texts_only = [Record(g.key, g.uri, g.sha256, g.width, g.height, 0, texts=g.texts) for g in gold()]
    assert set(measure(texts_only, gold())) == {"texts/precision", "texts/recall"}


def test_scenes_are_drawn_with_their_gold_and_a_bad_size_is_refused(tmp_path: Path) -> None:
    assert scenes(tmp_path / "s", 3, size=128, noisy=True).scenes == 3
    assert len(read_record_lines(tmp_path / "s" / "gold.jsonl")) == 3
    assert (tmp_path / "s" / "noisy.jsonl").exists()
    with pytest.raises(ConfigError, match="size"):
        scenes(tmp_path / "t", 3, size=65)
    with pytest.raises(ConfigError, match=r"labelled=0\.5 is the share .*--noisy"):
        scenes(tmp_path / "t", 3, labelled=0.5)
