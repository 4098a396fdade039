from pathlib import Path

import numpy as np
import pytest

from stages.recipes.embedded.clip_nano import crop_phrase
from stages.recipes.embedded.data import drawn_scenes
from stages.recipes.embedded.yolo_nano import IMAGE_SIZE, load_pictures


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


def test_scenes_come_from_the_cache_in_order(cache: Path) -> None:
    first = list(drawn_scenes(cache, 1, 0, 7, chunk_size=5))
    files = sorted(path.name for path in cache.iterdir())

    again = list(drawn_scenes(cache, 1, 3, 7, chunk_size=5))

    assert [drawn.record.key for drawn in first] == [f"scene-1-{i:06d}" for i in range(7)]
    assert [drawn.jpeg for drawn in again] == [drawn.jpeg for drawn in first[3:]]
    assert sorted(path.name for path in cache.iterdir()) == files == [
        "scenes-1-1-000000.msgpack", "scenes-1-1-000005.msgpack",
    ]  # fmt: skip


def test_yolo_labels_are_shares_of_the_letterboxed_square(cache: Path) -> None:
    drawn = [
        scene for scene in drawn_scenes(cache, 1, 0, 10, chunk_size=5) if scene.record.width != scene.record.height
    ][:1]
    [record] = [scene.record for scene in drawn]

    pictures = load_pictures(drawn)

    assert pictures.pixels.shape == (1, 3, IMAGE_SIZE, IMAGE_SIZE)
    scale = IMAGE_SIZE / max(record.width, record.height)
    for row, region in zip(pictures.labels[0], [r for r in record.regions if r.kind == "object"], strict=True):
        sides = np.array([region.box[2] - region.box[0], region.box[3] - region.box[1]]) * scale / IMAGE_SIZE
        assert row[3:] == pytest.approx(sides, abs=1e-5)
        assert (row[1:3] - row[3:] / 2 >= -1e-5).all()


def test_what_is_said_of_a_crop_is_true_of_it() -> None:
    rng = np.random.default_rng(0)
    said = {crop_phrase("a large striped red fish", rng) for _ in range(300)}

    assert {"fish", "striped red fish", "a red fish", "a large striped red fish"} <= said
    assert all("fish" in text and "small" not in text for text in said)
