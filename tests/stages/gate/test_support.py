"""Which boxes have company."""

import pytest

from shards.finding import Box, Finding, Kind
from stages.gate.support import supported

HERE, NEAR, FAR = (0.0, 0.0, 20.0, 20.0), (0.0, 0.0, 20.0, 15.0), (60.0, 60.0, 90.0, 90.0)


def boxed(kind: Kind, box: Box = HERE, score: float | None = 0.9) -> Finding:
    return Finding(kind, "dog", score, box=box)


@pytest.mark.parametrize(
    ("mine", "other", "found"),
    [
        (boxed("object"), boxed("object", NEAR), True),
        (boxed("object"), Finding("object", "cat", 0.9, box=NEAR), True),
        (boxed("object"), boxed("object", FAR), False),
        (boxed("object"), boxed("object", NEAR, 0.05), True),
        (boxed("object"), boxed("object", NEAR, 0.04), False),
        (boxed("object"), boxed("object", NEAR, None), True),
        (boxed("object"), boxed("phrase"), True),
        (boxed("phrase"), boxed("object"), True),
        (boxed("object"), boxed("ocr"), False),
        (boxed("ocr"), boxed("ocr"), True),
        (boxed("ocr"), boxed("object"), False),
        (boxed("object"), Finding("phrase", "dog", 0.9), False),
        (Finding("phrase", "dog", 0.9), boxed("object"), False),
        (Finding("text", "a dog", 0.9), boxed("object"), False),
    ],
)
def test_company(mine: Finding, other: Finding, found: bool) -> None:
    assert supported([mine], [other]) == [found]


def test_every_finding_is_asked_for_itself() -> None:
    mine = [boxed("object", FAR), Finding("text", "a dog"), boxed("object"), boxed("ocr", FAR)]
    assert supported(mine, [boxed("object", FAR), boxed("object", FAR), boxed("ocr", FAR)]) == [
        True,
        False,
        False,
        True,
    ]
    assert supported(mine, []) == [False] * 4
