"""Bisection, without any backend: outcomes are made up here."""

from collections.abc import Callable

import pytest

from engine.runtime.call import Call, Outcome, OutcomeKind, pack_findings
from engine.runtime.unit import Unit, WorkItem
from shards.finding import Caption
from shards.images import ImageRow
from shards.raw import RawRow
from tests.engine.fakes import column

SAID = pack_findings([Caption("x")])


def unit(images: int, kept: dict[int, RawRow] | None = None) -> Unit:
    rows = [ImageRow(f"k{number}", "", sha256="0", width=1, height=1, ext="png") for number in range(images)]
    todo = [position for position in range(images) if position not in (kept or {})]
    return Unit(column("a"), "000000", rows, todo, kept or {})


def outcome(task: WorkItem, kind: OutcomeKind, items: dict[int, str] | None = None) -> Outcome:
    call = Call(0, "a", "a", "000000", task.positions, b"", {}, 1.0)
    said = [SAID] * len(task.positions) if kind == "ok" else []
    return Outcome(call, kind, said, items or {}, "" if kind in ("ok", "item") else f"{kind}: why")


def drive(work: Unit, tasks: list[WorkItem], judge: Callable[[WorkItem], Outcome]) -> list[Outcome]:
    """Run tasks until none is left; the outcomes."""
    seen = []
    while tasks:
        task = tasks.pop(0)
        seen.append(judge(task))
        tasks += work.take(task, seen[-1])
    return seen


def poison(position: int, kind: OutcomeKind) -> Callable[[WorkItem], Outcome]:
    return lambda task: outcome(task, kind if position in task.positions else "ok")


@pytest.mark.parametrize(
    ("kind", "failures"),
    [("error", 5), ("death", 6), ("timeout", 5), ("oom", 5)],
)
def test_the_culprit_is_found_within_the_promised_number_of_failures(kind: OutcomeKind, failures: int) -> None:
    work = unit(16)
    seen = drive(work, work.start({}, 16), poison(5, kind))
    assert work.complete
    assert work.failed == {5: f"{kind}: why"}
    # 16 -> 8 -> 4 -> 2 -> 1 is 1 + log2(16) = 5; a death is tried once more: 2 + log2(16)
    assert sum(one.kind == kind for one in seen) == failures


@pytest.mark.parametrize("kind", ["death", "timeout", "oom"])
def test_an_image_that_was_unlucky_once_is_not_quarantined(kind: OutcomeKind) -> None:
    work = unit(1)
    verdicts = iter([kind, "ok"])
    drive(work, work.start({}, 16), lambda task: outcome(task, next(verdicts)))
    assert work.complete
    assert not work.failed


def test_suspects_of_a_death_run_alone() -> None:
    work = unit(4)
    [task] = work.start({}, 4)
    assert [half.alone for half in work.take(task, outcome(task, "death"))] == [True, True]
    assert [half.alone for half in work.take(task, outcome(task, "error"))] == [False, False]


def test_images_that_a_stage_names_are_quarantined_and_the_rest_runs_again() -> None:
    work = unit(4)
    [task] = work.start({}, 4)
    [rest] = work.take(task, outcome(task, "item", {0: "item: cut off", 2: "item: refused"}))
    assert work.failed == {0: "item: cut off", 2: "item: refused"}
    assert rest.positions == (1, 3)


def test_batches_are_cut_by_place_in_the_shard() -> None:
    assert [task.positions for task in unit(7).start({}, 3)] == [(0, 1, 2), (3, 4, 5), (6,)]


def test_an_image_on_which_a_needed_annotator_failed_is_blocked() -> None:
    work = unit(3)
    [task] = work.start({"boxes": {0: SAID, 2: SAID}}, 8)
    assert task.positions == (0, 2)
    work.take(task, outcome(task, "ok"))
    assert work.complete
    assert [(row.status, row.error) for row in work.raw_rows()] == [
        ("ok", ""),
        ("blocked", "blocked: boxes failed"),
        ("ok", ""),
    ]


def test_rows_are_in_shard_order_whatever_came_back_first() -> None:
    work = unit(4, kept={2: RawRow("k2", "failed", "error: old")})
    first, second = work.start({}, 2)
    work.take(second, outcome(second, "ok"))
    assert not work.complete
    work.take(first, outcome(first, "ok"))
    assert [row.key for row in work.raw_rows()] == ["k0", "k1", "k2", "k3"]
    assert sorted(work.said()) == [0, 1, 3]


def test_given_findings_travel_only_to_those_who_need_them() -> None:
    row = ImageRow("k", "", given=[Caption("a dog")])
    plain = Unit(column("a"), "000000", [row], [0])
    asking = Unit(column("a", needs=["given"]), "000000", [row], [0])
    assert b"a dog" not in plain.packed((0,))[0]
    assert b"a dog" in asking.packed((0,))[0]
