from pathlib import Path

import numpy as np

from stages.recipes.embedded.data import TRAIN_SEED, drawn_scenes
from stages.recipes.embedded.florence2_batches import School, draw_picks, joined, load_close_ups, load_school
from stages.recipes.embedded.florence2_loading import load_scenes
from stages.recipes.embedded.florence2_parts import draw_windows, load_parts
from stages.retrain.build import learn_tokenizer


def assert_equal(one: School, two: School) -> None:
    assert np.array_equal(one.pixels, two.pixels)
    assert np.array_equal(one.cells, two.cells)
    assert told(one) == told(two)


def told(school: School) -> list[list[tuple[str, list[int], list[int]]]]:
    return [[(lesson.task, lesson.prompt, lesson.target) for lesson in asked] for asked in school.asked]


def test_two_processes_load_what_one_does(tmp_path: Path) -> None:
    tokenizer = learn_tokenizer(["a large striped red fish in the sea"], 300)

    school, close = load_scenes(tmp_path / "two", 3, 13, tokenizer, seed=1, workers=2, chunk=5)
    alone, close_alone = load_scenes(tmp_path / "one", 3, 13, tokenizer, seed=1, chunk=5)

    assert_equal(school, alone)
    assert_equal(close, close_alone)


def test_chance_does_not_begin_anew_in_every_chunk(tmp_path: Path) -> None:
    tokenizer = learn_tokenizer(["a large striped red fish in the sea"], 300)
    drawn = list(drawn_scenes(tmp_path, TRAIN_SEED, 3, 13, 5))
    records = [scene.record for scene in drawn]

    school, close = load_scenes(tmp_path, 3, 13, tokenizer, seed=1, chunk=5)

    parts = load_parts(drawn, tokenizer, draw_windows(records, 1))
    assert_equal(school, joined([load_school(drawn, tokenizer), parts]))
    assert_equal(close, load_close_ups(drawn, tokenizer, draw_picks(records)))
