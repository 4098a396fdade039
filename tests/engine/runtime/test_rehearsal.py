"""The first image of every column is run alone, before any shard of what it looks at is finished."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from engine.config.settings import EngineSettings
from engine.runtime.annotate import annotate
from engine.runtime.call import Call, Outcome, pack_findings
from engine.runtime.column import ActorPool, pools
from engine.runtime.pace import Pace
from engine.runtime.progress import Silent
from engine.runtime.rehearsal import Rehearsals
from engine.runtime.scheduler import Scheduler
from engine.runtime.unit import Rehearsed, Unit
from engine.runtime.work import OpenShard, budgets_of, find_work, progress_of
from shards.finding import Caption
from shards.images import ImageRow
from shards.store import LocalStore
from stages.annotate.resources import Resources
from tests.engine.fakes import FakeStage, Fault, column, fill, raw_files
from tests.engine.runtime.test_unit import SAID

LOCAL = EngineSettings(backend="local", failure_budget=1.0)
SLOW = Resources(batch_size=16, timeout_s=0.4)
"""A batch of 16 is too long for it as soon as an image takes 6 ms."""


class Events(Silent):
    """Keeps what is logged."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, Mapping[str, object]]] = []

    def log(self, event: str, fields: Mapping[str, object]) -> None:
        self.seen.append((event, fields))


def test_it_is_said_before_anything_is_finished_how_long_all_columns_take(tmp_path: Path) -> None:
    store, events = LocalStore(tmp_path), Events()
    fill(store, 1, 8)
    stage = FakeStage(delay_s=0.02)
    columns = [column("a", stage), column("b", stage, needs=["a"]), column("c", stage, needs=["a", "b"])]
    annotate(store, columns, {}, LOCAL, events)
    names = [name for name, _ in events.seen if name in ("estimate", "committed")]
    assert names == ["estimate", "committed", "committed", "committed"]
    [fields] = [fields for name, fields in events.seen if name == "estimate"]
    assert isinstance(fields["each_s"], dict)
    assert [*fields["each_s"]] == ["a", "b", "c"]
    assert all(each >= 0.02 for each in fields["each_s"].values())
    assert (fields["images"], fields["is_least"]) == (8, False)


class Claiming:
    """A backend that says at once, one call after the other, that each image took ten seconds. share: of every pool."""

    def __init__(self, share: float) -> None:
        self.actors: dict[str, int] = {}
        self.shares: dict[str, float] = {}
        self._share = share
        self._calls: list[Call] = []

    def open(self, pool: ActorPool) -> None:
        self.actors[pool.name], self.shares[pool.name] = 1, self._share

    def submit(self, call: Call) -> bool:
        self._calls.append(call)
        return True

    def wait(self, timeout_s: float) -> list[Outcome]:
        del timeout_s
        calls, self._calls = self._calls[:1], self._calls[1:]
        return [Outcome(call, "ok", [SAID] * len(call.positions), seconds=10.0 * len(call.positions)) for call in calls]

    def close(self) -> None:
        """Nothing is held."""


@pytest.mark.parametrize(("share", "seconds"), [(1.0, 70), (0.5, 140), (0.25, 280)])
def test_it_is_said_for_as_many_actors_as_fit_although_first_images_ran_one_by_one(
    tmp_path: Path, share: float, seconds: int
) -> None:
    store, events = LocalStore(tmp_path), Events()
    fill(store, 1, 8)
    columns = [column(name, resources=Resources(batch_size=1)) for name in "abcd"]
    work = find_work(store, columns, (), retry=False)
    budgets = budgets_of(work, LOCAL)
    Scheduler(work, pools(columns), Claiming(share), LOCAL, events, progress_of(work), budgets).run()
    assert [fields["seconds"] for name, fields in events.seen if name == "estimate"] == [seconds]


@pytest.mark.parametrize("resources", [SLOW, Resources(batch_size=1)])
def test_no_image_runs_twice_where_batches_are_cut_anyway_and_files_are_those_of_whole_batches(
    tmp_path: Path, resources: Resources
) -> None:
    whole, cut = LocalStore(tmp_path / "whole"), LocalStore(tmp_path / "cut")
    calls = tmp_path / "calls"
    for store in (whole, cut):
        fill(store, 2, 8)
    stage = FakeStage(delay_s=0.03, calls=str(calls))
    annotate(whole, [column("a"), column("b", needs=["a"])], {}, LOCAL, Silent())
    columns = [column("a", stage, resources=resources), column("b", stage, needs=["a"], resources=resources)]
    report = annotate(cut, columns, {}, LOCAL, Silent())
    assert len(calls.read_text().split()) == 2 * 16
    assert [(done.units_run, done.images) for done in report.columns] == [(2, 16), (2, 16)]
    assert raw_files(tmp_path / "cut") == raw_files(tmp_path / "whole")


@pytest.mark.parametrize("fault", ["raise", "item", "oom", "nan"])
def test_a_first_image_that_fails_fails_once_more_in_its_batch_and_nowhere_else(tmp_path: Path, fault: Fault) -> None:
    store, events = LocalStore(tmp_path), Events()
    fill(store, 1, 8)
    columns = [column("a", FakeStage(faults={"k0000": fault})), column("b", needs=["a"])]
    report = annotate(store, columns, {}, LOCAL, events)
    assert [(lost.column, lost.key) for lost in report.quarantined] == [("a", "k0000")]
    assert [done.images for done in report.columns] == [8, 8]


def shard_of(images: int, names: Mapping[str, tuple[str, ...]]) -> OpenShard:
    """Units of columns by name, with what each needs."""
    rows = [ImageRow(f"k{number}", "", sha256="0", width=1, height=1, ext="png") for number in range(images)]
    columns = {name: column(name, needs=needs) for name, needs in names.items()}
    units = {name: Unit(columns[name], "000000", rows, list(range(images))) for name in names}
    return OpenShard(LocalStore(Path("nowhere")), "000000", rows, columns, units)


def reply(number: int, seconds: float) -> Outcome:
    """Of a call of one image."""
    return Outcome(Call(number, "a", "a", "000000", (0,), b"", {}, 1.0), "ok", [SAID], seconds=seconds)


def test_what_looks_at_others_comes_as_soon_as_they_said_something_about_one_image() -> None:
    shard = shard_of(4, {"a": (), "b": ("a", "given"), "c": ("a", "b")})
    rehearsals = Rehearsals({name: Pace(Resources(batch_size=4)) for name in "abc"})
    for number, name in enumerate("abc"):
        [first] = rehearsals.wanted([shard])
        assert (first.unit.column.name, first.position) == (name, 0)
        assert first.heard == dict.fromkeys("abc"[:number], SAID)
        rehearsals.began(number, first)
        assert rehearsals.wanted([shard]) == []
        assert rehearsals.columns() == [name]
        assert rehearsals.ended(reply(number, 0.01)) == (shard.units[name], False)
    assert rehearsals.wanted([shard]) == []
    assert len(rehearsals) == 0


def test_after_a_first_image_that_ran_out_of_time_no_batch_is_tried() -> None:
    shard, pace = shard_of(4, {"a": ()}), Pace(Resources(batch_size=4))
    rehearsals = Rehearsals({"a": pace})
    rehearsals.began(0, rehearsals.wanted([shard])[0])
    rehearsals.ended(replace(reply(0, 300.0), kind="timeout", findings=[]))
    assert (pace.measured, pace.size) == (True, 1)


def test_an_answer_counts_only_if_what_it_looked_at_is_what_was_written() -> None:
    for written, is_kept in ((SAID, True), (pack_findings([Caption("y")]), False)):
        unit = shard_of(3, {"b": ("a",)}).units["b"]
        assert not unit.rehearse(Rehearsed(0, {"a": SAID}, SAID, counts=True)), "not before the unit starts"
        tasks = unit.start({"a": {0: written, 1: SAID}}, 16)
        assert [task.positions for task in tasks] == [(1,) if is_kept else (0, 1)]
        assert unit.found == ({0: SAID} if is_kept else {})
        assert unit.blocked == {2: "blocked: a failed"}
