"""One line of corrections.jsonl: what it refers to, and what is said of a wrong one."""

from typing import Any

import pytest

from shards.record import Candidate, GroundedBox, Grounding, Record, Region, Source, Text
from stages.review.lines import LineError, Made, read_line

SOURCE = Source("yolo", "f", 0, 0.9, "yolo/0")
DOG = (10.0, 10.0, 60.0, 60.0)
SIGN = (70.0, 10.0, 90.0, 20.0)
RECORD = Record(
    "pets/1", "1.jpg", "", 100, 80, 2,
    [Text("t0", "brief", "a dog", SOURCE)],
    [Region("r0", "object", DOG, 0.9,
            [Candidate("phrase", "dog", 0.3, SOURCE), Candidate("brief", "a fox", 0.8, SOURCE)], 1, []),
     Region("r1", "text", SIGN, 0.9, [Candidate("ocr", "EXlT", None, SOURCE)], 0, [])],
    [Grounding("t0", (0, 5), "a dog", 0.9, [GroundedBox(DOG, 0.9, SOURCE, "r0")])],
)  # fmt: skip
MADE = Made("ann", "2026-11-26T10:15:00Z", 2)


def facts(**line: Any) -> tuple[object, ...]:
    return read_line({"key": "pets/1", **line}, RECORD, MADE).facts


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ({"action": "accept", "target": "r0"}, ("accept", "region", "r0", 2, "dog", DOG, "", "", None, None)),
        ({"action": "reject", "target": "image"}, ("reject", "image", "", 2, "", None, "", "", None, None)),
        ({"action": "reject", "target": "g0.0"}, ("reject", "phrase", "g0.0", 2, "a dog", DOG, "", "", None, None)),
        ({"action": "reject", "target": "g0"}, ("reject", "phrase", "g0", 2, "a dog", None, "", "", None, None)),
        ({"action": "relabel", "target": "r0", "label": "cat"},
         ("relabel", "region", "r0", 2, "dog", DOG, "", "cat", None, None)),
        ({"action": "move", "target": "r0", "box": [-5, 10, 62, 60]},
         ("move", "region", "r0", 2, "dog", DOG, "", "", (0.0, 10.0, 62.0, 60.0), None)),
        ({"action": "text", "target": "t0", "text": "a fox"},
         ("text", "text", "t0", 2, "a dog", None, "brief", "a fox", None, None)),
        ({"action": "text", "target": "r1", "text": "EXIT"},
         ("text", "ocr", "r1", 2, "EXlT", SIGN, "", "EXIT", None, None)),
        ({"action": "add", "label": "ball", "box": [1, 2, 3, 4]},
         ("add", "region", "", 2, "", None, "", "ball", (1.0, 2.0, 3.0, 4.0), None)),
        ({"action": "add", "text": "it rains"}, ("add", "text", "", 2, "", None, "brief", "it rains", None, None)),
        ({"action": "add", "text": "EXIT", "quad": [1, 1, 9, 1, 9, 5, 1, 5]},
         ("add", "ocr", "", 2, "", None, "", "EXIT", (1.0, 1.0, 9.0, 5.0), (1.0, 1.0, 9.0, 1.0, 9.0, 5.0, 1.0, 5.0))),
        ({"action": "reject", "target": {"label": "cat", "box": [1, 2, 3, 4]}},
         ("reject", "region", "", 2, "cat", (1.0, 2.0, 3.0, 4.0), "", "", None, None)),
    ],
)  # fmt: skip
def test_a_line_knows_what_it_refers_to(line: dict[str, Any], wanted: tuple[object, ...]) -> None:
    assert facts(**line) == ("pets/1", *wanted)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ({"action": "accept", "targt": "r0"}, "no field 'targt': did you mean 'target'?"),
        ({"action": "acept", "target": "r0"}, "action must be accept, .* got 'acept': did you mean 'accept'?"),
        ({"action": "accept", "target": "r7"}, "target 'r7' is not in round 2 of 'pets/1', which has r0, r1, t0, g0"),
        ({"action": "accept"}, "target must be an id"),
        ({"action": "relabel", "target": "r0"}, "label must be a text that is not empty, got None"),
        ({"action": "relabel", "target": "t0", "label": "cat"}, "action 'relabel' fits region, not text"),
        ({"action": "move", "target": "r0", "box": [9, 1, 3, 4]}, "box must be x0, y0, x1, y1 with x0 < x1"),
        ({"action": "move", "target": "r0", "box": [1, 2, 3]}, "box must be x0, y0, x1, y1 in pixels, got"),
        ({"action": "move", "target": "r0", "box": [200, 1, 300, 4]}, "lies outside the image of 100 x 80 px"),
        ({"action": "add", "target": "r0", "label": "x", "box": [1, 2, 3, 4]}, "'add' has no target"),
        ({"action": "add", "text": "x", "granularity": "breif"}, "granularity must be .* did you mean 'brief'?"),
        ({"action": "reject", "target": {"lable": "x"}}, "no field 'lable': did you mean 'label'?"),
    ],
)
def test_a_wrong_line_says_what_is_wrong_with_it(line: dict[str, Any], message: str) -> None:
    with pytest.raises(LineError, match=message):
        facts(**line)


def test_an_image_without_a_record_takes_no_ids() -> None:
    with pytest.raises(LineError, match="round 2 did not keep 'pets/1': describe it by label and box"):
        read_line({"key": "pets/1", "action": "accept", "target": "r0"}, None, MADE)
