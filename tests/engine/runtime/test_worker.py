import time
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from engine.config.settings import EngineSettings
from engine.runtime.annotate import annotate
from engine.runtime.call import Call, pack_findings, pack_rows, unpack_findings
from engine.runtime.column import ActorPool
from engine.runtime.progress import Silent
from engine.runtime.worker import ImageCache, Worker
from shards.finding import Caption, Detection, Finding, PhraseGrounding, text_of
from shards.images import read_image_rows
from shards.layout import tar_path
from shards.store import LocalStore
from stages.annotate.resources import Resources
from stages.stage import Item
from tests.engine.fakes import FakeStage, column, fill


class CountingStore(LocalStore):
    """Counts reads."""

    reads = 0

    def read(self, path: str, start: int = 0, end: int | None = None) -> bytes:
        self.reads += 1
        return super().read(path, start, end)


def call(store: LocalStore, name: str = "a", needs: dict[str, list[bytes]] | None = None) -> Call:
    rows = read_image_rows(store, "000000")
    return Call(0, "p", name, "000000", tuple(range(len(rows))), pack_rows(rows), needs or {}, 60.0)


def worker(store: LocalStore, *stages: FakeStage, cache_bytes: int = 1 << 20) -> Worker:
    columns = tuple(column(name, stage) for name, stage in zip("abc", stages, strict=False))
    made = Worker(store, ActorPool("p", columns, Resources()), 2, cache_bytes)
    assert made.load().kind == "ok"
    return made


def test_a_stage_sees_images_and_what_others_said(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    fill(store, 1, 2, given=True)
    said = [pack_findings([Caption("upstream")]), pack_findings([])]
    answer = worker(store, FakeStage()).run(call(store, needs={"boxes": said}))
    first, second = (unpack_findings(one) for one in answer.findings)
    assert [text_of(finding) for finding in first] == ["k0000", "upstream", "given k0000"]
    assert [text_of(finding) for finding in second] == ["k0001", "given k0001"]
    assert first[0].score == 0.1673  # mean of (0, 0, 128) / 255, rounded


def test_an_image_that_cannot_be_read_is_named_and_nothing_else(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    fill(store, 1, 3)
    row = read_image_rows(store, "000000")[1]
    assert row.offset is not None
    with open(tmp_path / tar_path("000000"), "r+b") as tar:
        tar.seek(row.offset)
        tar.write(b"<html>")
    answer = worker(store, FakeStage()).run(call(store))
    assert answer.kind == "item"
    assert list(answer.items) == [1]
    assert answer.items[1].startswith("read: error: DecodeError: ")


def test_annotators_of_one_group_decode_an_image_once(tmp_path: Path) -> None:
    store = CountingStore(tmp_path)
    fill(store, 1, 4)
    shared = worker(store, FakeStage(), FakeStage())
    first, second = call(store, "a"), call(store, "b")
    store.reads = 0
    shared.run(first)
    shared.run(second)
    assert store.reads == 4


def test_an_annotator_alone_keeps_no_images(tmp_path: Path) -> None:
    store = CountingStore(tmp_path)
    fill(store, 1, 4)
    alone = worker(store, FakeStage())
    again = call(store)
    store.reads = 0
    alone.run(again)
    alone.run(again)
    assert store.reads == 8


def test_the_images_of_the_next_call_are_read_while_a_stage_works(tmp_path: Path) -> None:
    store = CountingStore(tmp_path)
    fill(store, 1, 4)
    first, second = call(store), replace(call(store), id=1)

    class Waiting(FakeStage):
        def run(self, items: list[Item]) -> list[list[Finding]]:
            until = time.monotonic() + 10
            while store.reads < 8 and time.monotonic() < until:
                time.sleep(0.01)
            return super().run(items)

    alone = worker(store, Waiting())
    store.reads = 0
    alone.read_ahead(second)
    alone.read_ahead(second)
    answer = alone.run(first)
    assert store.reads == 8
    assert alone.run(second).findings == answer.findings
    assert store.reads == 8
    assert alone.run(first).findings == answer.findings  # not announced
    assert store.reads == 12


def test_no_more_is_read_ahead_than_may_be_in_flight(tmp_path: Path) -> None:
    store = CountingStore(tmp_path)
    fill(store, 1, 4)
    alone = worker(store, FakeStage())
    calls = [replace(call(store), id=number) for number in range(3)]
    store.reads = 0
    for each in calls:
        alone.read_ahead(each)
    for each in reversed(calls):
        assert alone.run(each).kind == "ok"
    assert store.reads == 16  # those of the first twice


def test_the_cache_lets_the_oldest_go() -> None:
    cache = ImageCache(20)
    image = np.zeros((1, 3, 3), np.uint8)
    for position in range(3):
        cache.put(("000000", position), image.copy())
    assert cache.get(("000000", 0)) is None
    assert cache.get(("000000", 2)) is not None


def test_a_stage_must_answer_for_every_image(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    fill(store, 1, 2)
    answer = worker(store, FakeStage(faults={"k0001": "short"})).run(call(store))
    assert answer.error == "error: ValueError: stage of a must give 2 lists of findings, gave 0"


def test_a_score_that_is_not_a_number_is_refused(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    fill(store, 1, 1)
    answer = worker(store, FakeStage(faults={"k0000": "nan"})).run(call(store))
    assert answer.items == {0: "item: a, finding 0: score must be a number in [0, 1], got nan"}


def test_a_stage_that_cannot_be_loaded_says_what_is_missing(tmp_path: Path) -> None:
    columns = (column("a", FakeStage(load_error="missing")),)
    answer = Worker(LocalStore(tmp_path), ActorPool("p", columns, Resources()), 1, 0).load()
    assert (answer.kind, answer.error) == (
        "load",
        "annotator a: detector needs weights nobody.pt: run `fld doctor`",
    )


class OneWrong(FakeStage):
    """Says of one image what no column can hold."""

    def run(self, items: list[Item]) -> list[list[Finding]]:
        wrong: Any = [Detection(7, box=(0.0, 0.0, 9.0))]  # type: ignore[arg-type]
        return [wrong if item.key == "k0001" else [] for item in items]


def test_a_finding_of_a_wrong_type_fails_its_image_and_not_the_run(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    fill(store, 1, 3)
    report = annotate(store, [column("a", OneWrong())], {}, EngineSettings(backend="local"), Silent())
    [failed] = report.quarantined
    assert failed.key == "k0001"
    assert failed.error.startswith("item: a: a finding of a wrong type: Expected `str`, got `int`")


@pytest.mark.parametrize(
    ("finding", "reason"),
    [
        (Detection("x", 1.7, box=(0, 0, 9, 9)), "score must be a number in [0, 1], got 1.7"),
        (Detection("x", cast(float, np.float32(-0.5)), box=(0, 0, 9, 9)), "score must be a number in [0, 1], got -0.5"),
        (Detection("x", "high", box=(0, 0, 9, 9)), "score must be a number in [0, 1], got 'high'"),  # type: ignore[arg-type]
        (Detection("x", 0.5, box=(0, 0, float("inf"), 9)), "box must hold finite numbers, got (0, 0, inf, 9)"),
        (Detection("x", 0.5, box=(0, 0, None, 9)), "box must hold finite numbers, got (0, 0, None, 9)"),  # type: ignore[arg-type]
        (
            PhraseGrounding("x", 0.5, about="a/0", span=(0, 1), phrase_score=2.0),
            "phrase_score must be a number in [0, 1], got 2.0",
        ),
    ],
)
def test_a_bad_finding_fails_its_image_with_annotator_field_and_value(
    tmp_path: Path, finding: Finding, reason: str
) -> None:
    class Says(FakeStage):
        def run(self, items: list[Item]) -> list[list[Finding]]:
            fine = Detection("fine", 1.00001, box=(0, 0, 9, 9))  # 1 at the decimals of the store
            return [[fine, finding] if item.key == "k0001" else [fine] for item in items]

    store = LocalStore(tmp_path)
    fill(store, 1, 3)
    report = annotate(store, [column("boxes", Says())], {}, EngineSettings(backend="local"), Silent())
    [failed] = report.quarantined
    assert (failed.key, failed.error) == ("k0001", f"item: boxes, finding 1: {reason}")
