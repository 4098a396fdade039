"""Which findings are right."""

import pytest

from shards.finding import Box, Caption, Detection, Finding, Kind, OcrLine, PhraseGrounding
from stages.gate.pairs import pairs
from tests.stages.evaluate.records import record, thing, word

HERE, NEAR, FAR = (0.0, 0.0, 20.0, 20.0), (0.0, 0.0, 20.0, 15.0), (60.0, 60.0, 90.0, 90.0)
WANTED = record("a", thing("traffic light", HERE), thing("cup", FAR), word("EXIT", FAR))
HASHES = {"a": "00f", "b": "0fe"}


@pytest.mark.parametrize(
    ("kind", "text", "box", "right"),
    [
        ("object", "traffic light", NEAR, True),
        ("object", "Traffic-Light", NEAR, True),
        ("object", "signal", NEAR, True),
        ("object", "cup", NEAR, False),
        ("object", "traffic light", (0.0, 0.0, 20.0, 9.0), False),
        ("object", "", NEAR, True),
        ("object", "", (30.0, 30.0, 50.0, 50.0), False),
        ("phrase", "two small cups", FAR, True),
        ("phrase", "two small cups", HERE, False),
        ("ocr", "exit", FAR, True),
        ("ocr", "EXLT", FAR, False),
        ("ocr", "cup", FAR, False),
    ],
)
def test_right_is_the_right_thing_in_the_right_place(kind: Kind, text: str, box: Box, right: bool) -> None:
    finding: dict[str, Finding] = {
        "object": Detection(text, 0.8, box=box),
        "phrase": PhraseGrounding(text, 0.8, about="a/0", box=box, span=(0, 1)),
        "ocr": OcrLine(text, 0.8, box=box),
    }
    said = {"a": [finding[kind]]}
    found = pairs(said, {}, [WANTED], HASHES, {"signal": "traffic light"})
    assert {name: each.right.tolist() for name, each in found.items()} == {
        "object": [], "phrase": [], "ocr": [], kind: [right]
    }  # fmt: skip
    assert found[kind].scores.tolist() == [0.8]


def test_what_has_no_score_or_no_place_or_no_reference_is_no_pair() -> None:
    cup = Detection("cup", 0.8, box=FAR)
    said: dict[str, list[Finding]] = {
        "a": [
            Detection("cup", box=FAR),
            PhraseGrounding("a cup", 0.7, about="a/0", span=(0, 5)),
            Caption("a cup", 0.9),
            cup,
        ],
        "b": [cup],
        "elsewhere": [cup],
    }
    found = pairs(said, {"b": [cup]}, [WANTED, record("b"), record("failed")], HASHES | {"failed": ""}, {})
    assert found["object"].right.tolist() == [True, False]
    assert found["object"].folds.tolist() == [1, 0]  # by the last digit of the hash
    assert found["object"].support.tolist() == [2, 0]  # of SUPPORTS
    assert (len(found["phrase"].scores), len(found["ocr"].scores)) == (0, 0)


def test_a_box_on_what_others_have_is_right_and_adds_nothing() -> None:
    cup = Detection("cup", 0.8, box=FAR)
    phrase = PhraseGrounding("a cup", 0.8, about="a/0", box=FAR, span=(0, 5))
    strong, weak = Detection("cat", 0.5, box=FAR), Detection("cat", 0.1, box=FAR)
    for other, adds in ((strong, False), (weak, True)):
        found = pairs({"a": [cup, phrase]}, {"a": [other]}, [WANTED], HASHES, {})
        assert (found["object"].right.tolist(), found["object"].adds.tolist()) == ([True], [adds])
        assert found["phrase"].adds.tolist() == [True]  # what it adds is the tie to the phrase
    seen, lone = found["object"].of("seen"), found["object"].of("lone")
    assert (len(seen.scores), len(lone.scores), found["object"].of("hinted").right.tolist()) == (0, 0, [True])
