import hashlib

import msgspec
import numpy as np
import pytest

from shards.record import encode
from stages.scenes.gold import draw_scene
from stages.scenes.kinds import NAMES
from stages.scenes.layout import plan
from stages.scenes.palette import COLOURS
from stages.scenes.places import PLACES
from stages.scenes.scene import MIN_AREA, compose_scene
from stages.scenes.settings import SceneSettings

# Raise stages.scenes.settings.VERSION when these change: they are what "version 1" means, in today's record format.
HASHES = {0: "25a032ae80ef193a", 1: "287a7304df028bce", 2: "8d34a8ec27e85019"}


def digest(index: int) -> str:
    scene = draw_scene(7, index)
    gold = encode(msgspec.structs.replace(scene.record, key="k"))
    return hashlib.sha256(scene.image.tobytes() + gold).hexdigest()[:16]


def test_scenes_are_the_same_bytes_everywhere() -> None:
    assert {index: digest(index) for index in HASHES} == HASHES


def test_a_scene_does_not_depend_on_those_drawn_before() -> None:
    first = draw_scene(7, 5)
    draw_scene(3, 1)

    assert np.array_equal(draw_scene(7, 5).image, first.image)
    assert not np.array_equal(draw_scene(8, 5).image[:100, :100], first.image[:100, :100])


def test_what_is_mostly_hidden_is_left_out() -> None:
    for index in range(15):
        drawing = compose_scene(11, index, SceneSettings())
        seen = np.bincount(drawing.owner.ravel().astype(int) + 1, minlength=len(drawing.layout.things) + 1)[1:]
        assert (seen >= MIN_AREA * drawing.owner.size).all()
        assert {thing.group for thing in drawing.layout.things} == set(range(len(drawing.layout.groups)))


def test_scenes_have_the_promised_variety() -> None:
    layouts = [plan(np.random.default_rng(index), SceneSettings()) for index in range(250)]
    counts = [len(layout.things) for layout in layouts]
    boxes = np.array([(*thing.bounds, layout.width * layout.height) for layout in layouts for thing in layout.things])
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]) / boxes[:, 4]
    groups = [group for layout in layouts for group in layout.groups]

    assert (min(counts), max(counts)) == (0, 8)
    assert 2 < np.mean(counts) < 5
    assert {group.kind.name for group in groups} == set(NAMES)
    assert {group.colour for group in groups} == set(COLOURS)
    assert {layout.place.name for layout in layouts} == {place.name for place in PLACES}
    assert np.mean(areas < 0.03) > 0.2
    assert np.mean(areas > 0.1) > 0.15
    assert {(layout.width, layout.height) for layout in layouts} == {(256, 256), (256, 192), (192, 256)}


@pytest.mark.parametrize("size", [96, 512])
def test_size_is_the_longer_side(size: int) -> None:
    scene = draw_scene(1, 1, SceneSettings(size=size))

    assert max(scene.image.shape[:2]) == size
    assert scene.image.shape[:2] == (scene.record.height, scene.record.width)


def test_a_negative_number_is_refused() -> None:
    with pytest.raises(ValueError, match="index must be at least 0, got -1"):
        draw_scene(0, -1)
