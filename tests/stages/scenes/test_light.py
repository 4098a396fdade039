import numpy as np
import pytest

from stages.scenes.gold import draw_scene
from stages.scenes.settings import SceneSettings


def test_dusk_takes_the_light_and_leaves_the_gold() -> None:
    day, dusk = (draw_scene(7, 3, SceneSettings(light=light)) for light in ("day", "dusk"))

    assert dusk.record == day.record
    means = [scene.image.reshape(-1, 3).mean(axis=0) for scene in (day, dusk)]
    assert means[1] == pytest.approx(means[0] * (0.50, 0.55, 0.70) + 8, abs=1.5)


def test_dusk_is_the_same_every_time_and_another_for_every_picture() -> None:
    settings = SceneSettings(size=96, square=True, empty_share=1.0, light="dusk")
    first, again = draw_scene(7, 0, settings).image, draw_scene(7, 0, settings).image
    grain = [draw_scene(7, index, settings).image.astype(float) - first for index in (1, 2)]

    assert np.array_equal(first, again)
    assert not np.array_equal(grain[0], grain[1])
