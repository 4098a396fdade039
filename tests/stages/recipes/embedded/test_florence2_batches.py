import io

import numpy as np
from PIL import Image

from stages.recipes.embedded.data import Drawn
from stages.recipes.embedded.florence2_batches import CLOSE_UPS, GRID, IMAGE_SIZE, load_close_ups, load_school
from stages.retrain.build import learn_tokenizer
from stages.scenes.gold import draw_scene
from stages.scenes.settings import SceneSettings


def drawn(count: int) -> list[Drawn]:
    found = []
    for index in range(count):
        scene = draw_scene(29, index, SceneSettings())
        buffer = io.BytesIO()
        Image.fromarray(scene.image).save(buffer, "JPEG")
        found.append(Drawn(buffer.getvalue(), scene.record))
    return found


def test_close_ups_show_single_objects_with_their_phrase() -> None:
    scenes = drawn(6)
    tokenizer = learn_tokenizer([text.text for scene in scenes for text in scene.record.texts], 500)

    close = load_close_ups(scenes, tokenizer)

    things = [[r for r in scene.record.regions if r.kind == "object"] for scene in scenes]
    assert len(close) == sum(min(CLOSE_UPS, len(some)) for some in things) > 6
    assert close.pixels.shape == (len(close), 3, IMAGE_SIZE, IMAGE_SIZE)
    phrases = {region.candidates[1].text for some in things for region in some}
    said = [tokenizer.decode(lessons[0].target, skip_special_tokens=True) for lessons in close.asked]
    assert set(said) <= phrases
    assert {lessons[0].task for lessons in close.asked} == {"<CAPTION>"}


def test_a_scene_without_words_comes_twice_the_second_time_mirrored() -> None:
    scenes = drawn(8)
    tokenizer = learn_tokenizer(["a b c"], 300)

    school = load_school(scenes, tokenizer)

    assert len(scenes) < len(school) < 2 * len(scenes) + 1
    twice = next(
        i for i in range(len(school) - 1) if np.array_equal(school.pixels[i], school.pixels[i + 1][:, :, ::-1])
    )
    cells = school.cells[twice].reshape(GRID, GRID, 9)
    assert np.array_equal(cells[:, ::-1, 0], school.cells[twice + 1].reshape(GRID, GRID, 9)[:, :, 0])
