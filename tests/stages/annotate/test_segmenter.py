import numpy as np

from shards.finding import Detection, Finding, Mask, OcrLine
from specialists.roles import Boxes, Fingerprint, Image, Masks
from stages.annotate.boxes import BoxInputs
from stages.annotate.segmenter import MasksSettings, MasksStage
from stages.stage import Item


class BoxFiller:
    """The mask of a box is the box; a box left of x = 10 has none."""

    def load(self) -> None: ...

    def segment(self, images: list[Image], boxes: list[Boxes]) -> list[Masks]:
        return [
            Masks(
                [[] if x0 < 10 else [[x0, y0, x1, y0, x1, y1, x0, y1]] for x0, y0, x1, y1 in rows.tolist()],
                np.full(len(rows), 0.5, np.float32),
            )
            for rows in boxes
        ]

    def fingerprint(self) -> Fingerprint:
        return {"backend": "filler"}

    def close(self) -> None: ...


def stage(boxes: BoxInputs) -> MasksStage:
    return MasksStage(MasksSettings(boxes=boxes), BoxFiller())


def an_item(**findings: list[Finding]) -> Item:
    return Item("a", np.zeros((100, 200, 3), np.uint8), findings)


def test_a_mask_names_the_finding_whose_box_it_fills() -> None:
    small = Detection("cup", 0.4, box=(20, 20, 40, 40))
    large = Detection("dog", 0.9, box=(50, 10, 250, 90))
    words = OcrLine("EXIT", box=(20, 70, 40, 80))
    [masks] = stage(BoxInputs()).run([an_item(detector=[small, large], reader=[words])])
    assert masks == [
        Mask(score=0.5, about="detector/1", polygons=[[50, 10, 200, 10, 200, 90, 50, 90]]),
        Mask(score=0.5, about="detector/0", polygons=[[20, 20, 40, 20, 40, 40, 20, 40]]),
    ]


def test_a_box_with_an_empty_mask_was_tried() -> None:
    edge = Detection("cup", 0.4, box=(0, 20, 40, 40))
    assert stage(BoxInputs()).run([an_item(detector=[edge])]) == [[Mask(score=0.5, about="detector/0", polygons=[])]]


def test_images_without_boxes_have_no_masks() -> None:
    assert stage(BoxInputs()).run([an_item(), an_item(detector=[])]) == [[], []]


def test_the_choice_of_boxes_is_part_of_the_fingerprint() -> None:
    few, many = (stage(BoxInputs(max_boxes=count)).fingerprint() for count in (5, 50))
    assert few != many
