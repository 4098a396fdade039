"""The ledger refuses a lost finding and a second verdict."""

import pytest

from filters.verdict import dropped
from stages.fuse.ledger import ConservationError, Ledger
from tests.stages.fuse.builders import DOG, FAR, caption, found, stated

STATED = stated(
    {"detector": [found("dog", 0.9, DOG), found("cat", 0.2, FAR)], "crops": [caption("a dog", "detector/0")]}
)


def test_rows_are_in_the_order_of_the_findings() -> None:
    ledger = Ledger("image", STATED)
    ledger.drop(STATED[1], dropped("region.score", 0.2, 0.3))
    ledger.keep(STATED[2], "r0")
    ledger.keep(STATED[0], "r0")
    rows = ledger.close()
    assert [(row.type, row.ref, row.id, row.kept, row.rule) for row in rows] == [
        ("region", "detector/0", "r0", True, ""),
        ("region", "detector/1", "", False, "region.score"),
        ("candidate", "crops/0", "r0", True, ""),
    ]
    assert (rows[1].value, rows[1].threshold, rows[1].score, rows[1].box) == (0.2, 0.3, 0.2, FAR)
    assert rows[2].granularity == "brief"


def test_a_lost_finding_is_named() -> None:
    ledger = Ledger("image", STATED)
    ledger.keep(STATED[0], "r0")
    with pytest.raises(ConservationError, match=r"3 findings read, 1 accounted for; .*'detector/1', 'crops/0'"):
        ledger.close()


def test_two_verdicts_are_refused() -> None:
    ledger = Ledger("image", STATED)
    ledger.keep(STATED[0], "r0")
    with pytest.raises(ConservationError, match="detector/0 was given two verdicts"):
        ledger.drop(STATED[0], dropped("region.score"))
