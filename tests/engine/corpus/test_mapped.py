"""Columns whose scores an earlier release mapped: they count on where they are whole."""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Literal

import pytest

from engine.corpus.mapped import is_mapped, taken_as_mapped, with_mapped
from engine.corpus.memory import RememberedStage
from engine.runtime.column import Column
from engine.runtime.plan import columns
from shards.images import ImageRow, write_images
from shards.raw import RawRow, write_raw
from shards.store import Store, open_store
from stages.annotate.build import Annotator
from stages.annotate.detector import ObjectsSettings
from stages.calibrate.platt import PlattScaling
from stages.calibrate.worth import Worth

WORTH = Worth({"lone": {"object": PlattScaling(0.01, -1.6)}})
ANNOTATORS: dict[str, Annotator] = {
    "yolo": ObjectsSettings(role="detector", needs=[]),
    "student": ObjectsSettings(role="detector", needs=[]),
}
BEFORE = "1c834f83e936"
"""The fingerprint that the release before gave this column: of its stage with the calibration's lines, and of all that
find boxes, which it waited for."""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Two shards of one image each."""
    store = open_store(str(tmp_path))
    for shard in ("000000", "000001"):
        write_images(
            store, shard, [(ImageRow(f"{shard}-a", "a.jpg", sha256=sha256(b"jpeg").hexdigest(), ext="jpg"), b"jpeg")]
        )
    return store


def column_of(store: Store, shards: Sequence[str], status: Literal["ok", "failed"] = "ok") -> Column:
    """The student's, where the old one has rows of these shards."""
    for shard in shards:
        write_raw(store, "student", BEFORE, shard, [RawRow(f"{shard}-a", status, "" if status == "ok" else "why")])
    now = columns(ANNOTATORS, lambda _, name: RememberedStage({"model": name}))
    found = with_mapped(store, now, ANNOTATORS, {"student": WORTH}, ["yolo", "given"])
    assert [each.name for each in found] == ["yolo", "student"]
    assert not is_mapped(found[0])
    return found[1]


def test_an_old_column_counts_on_where_it_is_whole(store: Store) -> None:
    column = column_of(store, ["000000", "000001"])
    assert (column.fingerprint, is_mapped(column)) == (BEFORE, True)


@pytest.mark.parametrize(("shards", "status"), [([], "ok"), (["000000"], "ok"), (["000000", "000001"], "failed")])
def test_one_that_lacks_something_is_written_anew(
    store: Store, shards: list[str], status: Literal["ok", "failed"]
) -> None:
    column = column_of(store, shards, status)
    assert column.fingerprint != BEFORE
    assert not is_mapped(column)


def test_what_is_only_known_from_the_disk_was_mapped() -> None:
    now = columns(ANNOTATORS, lambda _, name: RememberedStage({"model": name}))
    assert [is_mapped(each) for each in taken_as_mapped(now, {"student"})] == [False, True]
