"""The corrections of one image as its page shows them."""

from engine.view.corrected import corrected
from shards.reviews import Review

BOX = (1.0, 2.0, 30.0, 40.0)
KNOWN = Review("dog", "reject", "region", "ann", "t", "r9", 0, "cat", BOX)
RELABEL = Review("dog", "relabel", "region", "ann", "t", "r1", 1, "dog", BOX, new_text="fox")
MOVE = Review("dog", "move", "region", "ann", "t", "r1", 1, "dog", BOX, new_box=(5.0, 5.0, 35.0, 45.0))
OF_BEFORE = Review("dog", "accept", "text", "ann", "t", "t0", 0, "a dog", None, "brief")
REWRITE = Review("dog", "text", "text", "ann", "t", "t0", 1, "a dog", None, "brief", "a fox")
ADD = Review("dog", "add", "ocr", "ann", "t", new_text="EXIT", new_box=BOX)
REJECT = Review("dog", "reject", "ocr", "ann", "t", text="EXIT", box=BOX)


def test_what_the_round_knows_is_told_from_what_waits() -> None:
    rows = [{"type": "image", "kept": True, "rule": ""}, {"type": "review", "kept": False, "rule": "review.no_target"}]
    found = corrected([KNOWN, OF_BEFORE, RELABEL, MOVE, REWRITE, ADD], rows, 1)
    outcomes = [(entry.review.action, entry.outcome) for entry in found.entries]
    assert outcomes == [
        ("add", "waits"), ("text", "waits"), ("move", "waits"), ("relabel", "waits"), ("accept", "waits"),
        ("reject", "review.no_target"),
    ]  # fmt: skip
    assert (found.waiting, found.reviewed) == (5, {"r1": "move", "t0": "text"})
    assert found.rewritten == {"r1": "fox", "t0": "a fox"}


def test_what_is_to_be_there_is_drawn_until_it_is_rejected() -> None:
    drawn = [(each.id, each.name, each.type, each.outline) for each in corrected([RELABEL, MOVE, ADD], [], 1).shapes]
    assert drawn == [
        ("w0", "fox", "region", "5.0,5.0 35.0,5.0 35.0,45.0 5.0,45.0"),
        ("w1", "EXIT", "ocr", "1.0,2.0 30.0,2.0 30.0,40.0 1.0,40.0"),
    ]
    assert corrected([ADD, REJECT, RELABEL], [], 1).shapes == []
