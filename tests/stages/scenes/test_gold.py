import cv2
import numpy as np
import pytest

from shards.finding import Ring
from shards.geometry import polygons_box
from stages.scenes.gold import draw_scene, mask_rings
from stages.scenes.raster import SCALE
from stages.scenes.scene import compose_scene
from stages.scenes.settings import SceneSettings
from stages.scenes.words import SHOWN

RECORDS = [draw_scene(17, index).record for index in range(30)]
OBJECTS = [(record, region) for record in RECORDS for region in record.regions if region.kind == "object"]
WORDS = [(record, region) for record in RECORDS for region in record.regions if region.kind == "text"]


def signed_area(ring: Ring) -> float:
    x, y = np.array(ring).reshape(-1, 2).T
    return float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2


def test_boxes_are_the_bounds_of_the_polygons_and_inside_the_picture() -> None:
    assert len(OBJECTS) > 60
    for record, region in OBJECTS:
        assert region.polygons
        assert region.box == polygons_box(region.polygons)
        x0, y0, x1, y1 = region.box
        assert 0 <= x0 < x1 <= record.width
        assert 0 <= y0 < y1 <= record.height


def test_the_largest_ring_is_clockwise_on_screen() -> None:
    for _, region in OBJECTS:
        assert region.polygons
        assert signed_area(max(region.polygons, key=lambda ring: abs(signed_area(ring)))) > 0


def test_polygons_cover_exactly_what_is_seen() -> None:
    for index in range(12):
        drawing = compose_scene(17, index, SceneSettings())
        for position in range(len(drawing.layout.things)):
            mask = drawing.owner == position
            rings = [np.round(np.array(ring) * SCALE).astype(np.int32).reshape(-1, 2) for ring in mask_rings(mask)]
            filled = np.zeros(mask.shape, dtype=np.uint8)
            cv2.fillPoly(filled, rings, 1)
            assert np.count_nonzero(filled & mask) / np.count_nonzero(filled | mask) > 0.85
            rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
            seen = np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]) / SCALE
            assert np.abs(np.array(polygons_box(mask_rings(mask))) - seen).max() <= 2.0  # a sliver may be left out


def test_a_ring_with_a_hole() -> None:
    mask = np.zeros((40, 40), dtype=bool)
    mask[4:36, 4:36] = True
    mask[12:28, 12:28] = False

    outer, hole = sorted(mask_rings(mask), key=lambda ring: -abs(signed_area(ring)))

    assert signed_area(outer) == 16 * 16
    assert signed_area(hole) == -8 * 8
    assert polygons_box([outer]) == (2.0, 2.0, 18.0, 18.0)


def test_phrases_are_parts_of_their_texts_and_name_what_they_point_at() -> None:
    grounded = 0
    for record in RECORDS:
        texts = {text.id: text.text for text in record.texts}
        regions = {region.id: region for region in record.regions}
        for grounding in record.groundings:
            grounded += 1
            assert texts[grounding.text_id][slice(*grounding.span)] == grounding.phrase
            for place in grounding.boxes:
                region = regions[place.region_id or "none"]
                assert place.box == region.box
                assert region.candidates[0].text[:5] in grounding.phrase
    assert grounded > 150


def test_every_object_is_named_in_the_longer_texts() -> None:
    for record in RECORDS:
        objects = {region.id for region in record.regions if region.kind == "object"}
        for text in record.texts[1:]:
            named = {place.region_id for g in record.groundings if g.text_id == text.id for place in g.boxes}
            assert named == objects


def test_words_are_legible_and_their_quads_follow_the_text() -> None:
    assert len(WORDS) > 5
    for record, region in WORDS:
        quad = np.array(region.quad).reshape(4, 2)
        along, down = quad[1] - quad[0], quad[3] - quad[0]
        assert np.hypot(*down) >= 6.5  # x-height of the smallest capitals, px
        assert along[0] > 0
        assert along[0] * down[1] - along[1] * down[0] > 0  # clockwise on screen
        assert region.box == pytest.approx((*quad.min(axis=0), *quad.max(axis=0)))
        assert region.text.upper() in SHOWN or region.text.isdigit()
        assert quad.min() >= 0
        assert (quad <= (record.width, record.height)).all()


def test_a_sign_is_quoted_in_the_longest_text_only() -> None:
    record, region = WORDS[0]

    assert region.text in record.texts[2].text
    assert region.text not in record.texts[0].text
