import numpy as np

from stages.recipes.embedded.florence2_parts import LEAST_SIDE, draw_window, part_of
from stages.recipes.embedded.florence2_targets import scene_lessons
from stages.scenes.gold import draw_scene
from stages.scenes.settings import SceneSettings


def test_a_part_holds_the_objects_that_lie_in_it_and_their_pixels() -> None:
    scene = next(scene for i in range(20) if len((scene := draw_scene(7, i, SceneSettings())).record.regions) > 2)
    record = scene.record
    first = next(region for region in record.regions if region.kind == "object")
    x0, y0, x1, y1 = (float(round(side)) for side in first.box)
    middle = (x0 + x1) / 2
    whole = part_of(record, (x0, y0, x1, y1))
    assert (whole.width, whole.height) == (x1 - x0, y1 - y0)
    assert first.id in {region.id for region in whole.regions}
    assert not whole.texts
    assert not whole.groundings
    assert first.id not in {region.id for region in part_of(record, (middle, y0, x1 + 40, y1)).regions}
    for region in whole.regions:
        assert 0 <= region.box[0] < region.box[2] <= whole.width
        assert 0 <= region.box[1] < region.box[3] <= whole.height


def test_a_part_teaches_places_and_no_texts() -> None:
    record = draw_scene(7, 0, SceneSettings()).record
    part = part_of(record, (0.0, 0.0, float(record.width), float(record.height)))
    assert {lesson.task for lesson in scene_lessons(part)} == {"<OD>", "<DENSE_REGION_CAPTION>", "<REGION_PROPOSAL>"}


def test_windows_lie_in_the_picture_and_keep_its_ratio() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        x0, y0, x1, y1 = draw_window(rng, 300, 200)
        assert 0 <= x0 < x1 <= 300
        assert 0 <= y0 < y1 <= 200
        assert x1 - x0 >= round(LEAST_SIDE * 300)
        assert abs((x1 - x0) / (y1 - y0) - 1.5) < 0.02
