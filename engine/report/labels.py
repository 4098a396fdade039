"""Where to write labels so that none hides another: boxes of text in, places out.

    place_labels([(10, 10, 90, 90), (12, 12, 80, 80)], [(40, 12), (60, 12)], (640, 480))   -> [(10, -2), (12, 92)]

Each label is tried above its box, inside at its top, below, inside at its bottom, and at its sides; the first place
that is in the picture and free is taken. Where none is free, the one that covers least of the others.
"""

from collections.abc import Sequence

from shards.finding import Box

Point = tuple[float, float]


def place_labels(
    boxes: Sequence[Box], sizes: Sequence[Point], canvas: Point, keep_free: Sequence[Box] = ()
) -> list[Point]:
    """The top left corner of each label. boxes: xyxy px that are named; sizes: width and height of each label in px;
    canvas: width and height of the picture in px; keep_free: what no label shall hide, as the words in a picture."""
    taken = list(keep_free)
    places = []
    for box, (width, height) in zip(boxes, sizes, strict=True):
        tries = [_inside(x, y, width, height, canvas) for x, y in _tries(box, width, height)]
        best = min(tries, key=lambda place: _covered(place, width, height, taken))
        taken.append((*best, best[0] + width, best[1] + height))
        places.append(best)
    return places


def _tries(box: Box, width: float, height: float) -> list[Point]:
    x0, y0, x1, y1 = box
    return [(x0, y0 - height), (x0, y0), (x1 - width, y0 - height), (x0, y1), (x0, y1 - height), (x1 - width, y1),
            (x1, y0), (x1, y1 - height), (x0 - width, y0), (x0, y0 - 2 * height), (x0, y1 + height)]  # fmt: skip


def _inside(x: float, y: float, width: float, height: float, canvas: Point) -> Point:
    return max(0.0, min(x, canvas[0] - width)), max(0.0, min(y, canvas[1] - height))


def _covered(place: Point, width: float, height: float, taken: Sequence[Box]) -> float:
    """px^2 of the other labels that a label here would lie on."""
    x, y = place
    return sum(
        max(0.0, min(x + width, other[2]) - max(x, other[0])) * max(0.0, min(y + height, other[3]) - max(y, other[1]))
        for other in taken
    )
