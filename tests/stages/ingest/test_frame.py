import numpy as np
import pytest

from shards.finding import Caption, Detection, Finding, Mask, OcrLine, box_of
from stages.ingest.decode import TURNS
from stages.ingest.frame import FrameError, place_given

WH = (40, 30)
BOX = (4.0, 5.0, 14.0, 11.0)


def an_object(box: tuple[float, float, float, float] = BOX) -> Detection:
    left, top, right, bottom = box
    ring = [left, top, right, top, right, bottom]
    return Detection("dog", box=box, polygons=[ring])


def a_line() -> OcrLine:
    left, top, right, bottom = BOX
    return OcrLine("dog", box=BOX, quad=(left, top, right, top, right, bottom, left, bottom))


def shown_box(orientation: int) -> tuple[float, ...]:
    """Where the marked pixels of the stored picture end up when Pillow turns it."""
    from PIL import Image

    stored = np.zeros((WH[1], WH[0]), np.uint8)
    stored[int(BOX[1]) : int(BOX[3]), int(BOX[0]) : int(BOX[2])] = 1
    image = Image.fromarray(stored)
    shown = np.asarray(image.transpose(TURNS[orientation]) if orientation in TURNS else image)
    ys, xs = np.nonzero(shown)
    return (float(xs.min()), float(ys.min()), float(xs.max() + 1), float(ys.max() + 1))


def area(ring: list[float]) -> float:
    """Shoelace; positive is clockwise on screen."""
    points = np.array(ring).reshape(-1, 2)
    following = np.roll(points, -1, axis=0)
    return float((points[:, 0] * following[:, 1] - following[:, 0] * points[:, 1]).sum() / 2)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_stored_boxes_land_on_the_same_pixels(orientation: int) -> None:
    [found], outside = place_given([an_object()], WH, False, WH, orientation, "stored")
    assert box_of(found) == shown_box(orientation)
    assert outside == 0


@pytest.mark.parametrize("orientation", range(1, 9))
def test_rings_and_quads_stay_clockwise_and_inside_their_box(orientation: int) -> None:
    mask = Mask(about="given/0", polygons=an_object().polygons or [])
    [found, line, outline], _ = place_given([an_object(), a_line(), mask], None, False, WH, orientation, "auto")
    assert isinstance(found, Detection)
    assert isinstance(line, OcrLine)
    assert area((found.polygons or [])[0]) == pytest.approx(30)
    assert area(list(line.quad or ())) == pytest.approx(60)
    assert found.box == line.box == shown_box(orientation)
    assert outline == Mask(about="given/0", polygons=found.polygons or [])


def test_a_quarter_turn_keeps_the_first_corner_of_a_text() -> None:
    [line], _ = place_given([a_line()], None, False, WH, 6, "stored")
    assert isinstance(line, OcrLine)
    assert (line.quad or ())[:2] == (30 - 5.0, 4.0)


def test_auto_takes_the_frame_whose_size_fits() -> None:
    shown = (5.0, 4.0, 11.0, 14.0)
    [found], _ = place_given([an_object(shown)], (30, 40), False, WH, 6, "auto")
    assert box_of(found) == shown
    [turned], _ = place_given([an_object()], WH, False, WH, 6, "auto")
    assert box_of(turned) == shown_box(6)


def test_auto_means_stored_where_the_size_does_not_tell() -> None:
    for given_wh in (None, WH):
        [found], _ = place_given([an_object()], given_wh, False, WH, 3, "auto")
        assert box_of(found) == shown_box(3)


def test_oriented_boxes_stay() -> None:
    [found], _ = place_given([an_object()], None, False, WH, 8, "oriented")
    assert box_of(found) == BOX


@pytest.mark.parametrize("orientation", [1, 6])
def test_fractions_become_pixels(orientation: int) -> None:
    fractions = (BOX[0] / 40, BOX[1] / 30, BOX[2] / 40, BOX[3] / 30)
    [found], _ = place_given([Detection(box=fractions)], None, True, WH, orientation, "stored")
    assert box_of(found) == pytest.approx(shown_box(orientation))


def test_fractions_of_the_shown_picture() -> None:
    [found], _ = place_given([Detection(box=(0, 0, 0.5, 0.25))], None, True, WH, 6, "oriented")
    assert box_of(found) == (0, 0, 15, 10)


def test_boxes_are_clipped_and_empty_ones_counted() -> None:
    outside: list[Finding] = [
        an_object((-5.0, 10.0, 50.0, 20.0)),
        an_object((50.0, 1.0, 60.0, 2.0)),
        an_object((3.0, 3.0, 3.0, 9.0)),
    ]
    found, lost = place_given(outside, None, False, WH, 1, "auto")
    assert [box_of(finding) for finding in found] == [(0.0, 10.0, 40.0, 20.0)]
    assert lost == 2


@pytest.mark.parametrize("given_wh", [WH, (30, 40)])
def test_a_stated_frame_is_believed_whichever_size_is_written(given_wh: tuple[int, int]) -> None:
    [found], _ = place_given([an_object()], given_wh, False, WH, 6, "oriented")
    assert box_of(found) == BOX
    [turned], _ = place_given([an_object()], given_wh, False, WH, 6, "stored")
    assert box_of(turned) == shown_box(6)


def test_a_size_matters_to_boxes_only() -> None:
    text = Caption("a dog", granularity="brief")
    assert place_given([text], (640, 480), False, WH, 1, "auto") == ([text], 0)


def test_boxes_of_no_numbers_are_counted() -> None:
    boxes: list[Finding] = [an_object((0.0, 0.0, float("nan"), 3.0)), an_object((0.0, 0.0, float("inf"), 3.0))]
    assert place_given(boxes, None, False, WH, 1, "auto") == ([], 2)


def test_texts_have_no_frame() -> None:
    text = Caption("a dog", granularity="brief")
    assert place_given([text], None, False, WH, 6, "auto") == ([text], 0)


@pytest.mark.parametrize(("given_wh", "frame"), [((80, 60), "auto"), ((30, 41), "stored"), ((41, 30), "oriented")])
def test_annotations_of_another_picture_are_refused(given_wh: tuple[int, int], frame: str) -> None:
    with pytest.raises(FrameError, match=r"size_mismatch: annotations are for .* 40x30 stored and 30x40 oriented"):
        place_given([an_object()], given_wh, False, WH, 6, frame)
