"""How a box lies to those of others."""

import pytest

from shards.finding import Box, Caption, Detection, Finding, Kind, OcrLine, PhraseGrounding
from stages.calibrate.support import Support, supports

HERE, FAR = (0.0, 0.0, 20.0, 20.0), (60.0, 60.0, 90.0, 90.0)
MOST, HALF, SOME = (0.0, 0.0, 20.0, 15.0), (0.0, 0.0, 20.0, 10.5), (0.0, 0.0, 20.0, 5.5)
"""IoU with HERE: 0.75, 0.525, 0.275."""


def boxed(kind: Kind, box: Box = HERE, score: float | None = 0.9) -> Finding:
    match kind:
        case "object":
            return Detection("dog", score, box=box)
        case "ocr":
            return OcrLine("dog", score, box=box)
        case _:
            return PhraseGrounding("dog", score, about="a/0", box=box, span=(0, 3))


@pytest.mark.parametrize(
    ("mine", "other", "found"),
    [
        (boxed("object"), boxed("object", MOST), "seen"),
        (boxed("object"), Detection("cat", 0.9, box=MOST), "seen"),
        (boxed("object"), boxed("object", MOST, 0.3), "seen"),
        (boxed("object"), boxed("object", MOST, None), "seen"),
        (boxed("object"), boxed("object", HALF), "lone"),
        (boxed("object"), boxed("object", MOST, 0.29), "hinted"),
        (boxed("object"), boxed("object", HALF, 0.05), "hinted"),
        (boxed("object"), boxed("object", HALF, 0.04), "lone"),
        (boxed("object"), boxed("object", SOME, 0.1), "lone"),
        (boxed("object"), boxed("object", FAR), "lone"),
        (boxed("object"), boxed("phrase"), "hinted"),
        (boxed("phrase"), boxed("object"), "seen"),
        (boxed("object"), boxed("ocr"), "lone"),
        (boxed("ocr"), boxed("ocr"), "seen"),
        (boxed("ocr"), boxed("object"), "lone"),
        (boxed("object"), PhraseGrounding("dog", 0.9, about="a/0", span=(0, 3)), "lone"),
        (PhraseGrounding("dog", 0.9, about="a/0", span=(0, 3)), boxed("object"), "lone"),
        (Caption("a dog", 0.9), boxed("object"), "lone"),
    ],
)
def test_what_others_have_there(mine: Finding, other: Finding, found: Support) -> None:
    assert supports([mine], [other]) == [found]


def test_a_weak_box_is_no_hint_beside_a_strong_one() -> None:
    weak = boxed("object", MOST, 0.1)
    assert supports([boxed("object")], [weak, boxed("object", SOME)]) == ["hinted"]
    assert supports([boxed("object")], [weak, boxed("object", HALF)]) == ["lone"]


def test_every_finding_is_asked_for_itself() -> None:
    mine = [boxed("object", FAR), Caption("a dog"), boxed("object"), boxed("ocr", FAR)]
    others = [boxed("object", FAR), boxed("object", FAR), boxed("ocr", FAR)]
    assert supports(mine, others) == ["seen", "lone", "lone", "seen"]
    assert supports(mine, []) == ["lone"] * 4
