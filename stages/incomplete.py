"""What a record does not know: the parts about which an annotator of round 0 could have said more, had it not failed.

    record.missing = [Missing("yolo", "d1", 0, "detector", "timeout: ...")]    unknown(record) == {"objects"}

That there is nothing of such a part, or nothing else, must not be taught, nor held against anybody. A model of the loop
that is missing leaves no hole: it only adds to what the annotators say.
"""

from collections.abc import Mapping
from typing import Literal

from shards.record import Record

Unknown = Literal["objects", "words", "phrases"]
_PARTS: Mapping[str, frozenset[Unknown]] = {
    "detector": frozenset({"objects"}),
    "reader": frozenset({"words"}),
    "grounder": frozenset({"phrases"}),
    "generalist": frozenset({"objects", "words", "phrases"}),
}


def unknown(record: Record) -> dict[Unknown, str]:
    """Part -> the first annotator that is missing for it."""
    found: dict[Unknown, str] = {}
    for missing in record.missing or ():
        if missing.round == 0:
            found |= {part: missing.annotator for part in _PARTS.get(missing.role, ()) if part not in found}
    return found
