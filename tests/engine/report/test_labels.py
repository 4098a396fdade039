import random

from engine.report.labels import place_labels

CANVAS = (640.0, 480.0)


def overlap(first: tuple[float, ...], second: tuple[float, ...]) -> bool:
    return first[0] < second[2] and second[0] < first[2] and first[1] < second[3] and second[1] < first[3]


def test_labels_of_boxes_at_one_place_do_not_hide_each_other() -> None:
    boxes = [(100.0 + shift, 100.0, 200.0 + shift, 200.0) for shift in range(5)]
    sizes = [(60.0, 14.0)] * 5
    fields = [(x, y, x + 60, y + 14) for x, y in place_labels(boxes, sizes, CANVAS)]
    assert not any(overlap(one, other) for at, one in enumerate(fields) for other in fields[:at])


def test_labels_stay_in_the_picture() -> None:
    chance = random.Random(0)
    boxes = [(x, y, x + 30, y + 20) for x, y in ((chance.uniform(0, 640), chance.uniform(0, 480)) for _ in range(50))]
    for (x, y), (width, height) in zip(place_labels(boxes, [(90.0, 15.0)] * 50, CANVAS), [(90, 15)] * 50, strict=True):
        assert 0 <= x <= 640 - width
        assert 0 <= y <= 480 - height


def test_a_lone_label_is_above_its_box_and_one_at_the_top_inside() -> None:
    assert place_labels([(50, 50, 90, 90)], [(30, 12)], CANVAS) == [(50, 38)]
    assert place_labels([(50, 0, 90, 90)], [(30, 12)], CANVAS) == [(50, 0)]
