"""Whole runs with the local backend."""

from dataclasses import replace
from pathlib import Path

import pytest

from engine.config.settings import EngineSettings
from engine.runtime.annotate import AnnotateReport, annotate
from engine.runtime.backend import StartError
from engine.runtime.column import Column
from engine.runtime.faults import FailureBudgetError
from engine.runtime.progress import Silent
from shards.commit import committed
from shards.images import ImageRow, write_images
from shards.layout import raw_folder
from shards.raw import RawRow, read_raw, write_raw
from shards.store import LocalStore, open_store
from specialists.roles import MissingRequirementError, RunStopError
from stages.annotate.resources import Resources
from tests.engine.fakes import FakeStage, Fault, column, fill, png, raw_files

LOCAL = EngineSettings(backend="local")
LENIENT = EngineSettings(backend="local", failure_budget=1.0)


def run(
    store: LocalStore,
    columns: list[Column],
    skip: dict[str, str] | None = None,
    settings: EngineSettings = LOCAL,
    retry: bool = False,
) -> AnnotateReport:
    return annotate(store, columns, skip or {}, settings, Silent(), retry)


def rows(store: LocalStore, name: str, shard: str = "000000") -> dict[str, RawRow]:
    return {row.key: row for row in read_raw(store, name, "f0", shard)}


def test_every_column_has_a_row_for_every_image(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    keys = fill(store, 3, 10)
    report = run(store, [column("b", needs=["a"]), column("a"), column("c", needs=["b", "given"])])
    assert report.units_run == 9
    assert report.quarantined == []
    for name in "abc":
        assert [key for shard in ("000000", "000001", "000002") for key in rows(store, name, shard)] == keys
    # c heard b, b heard a: k0000, then about a, then about b's two
    assert len(rows(store, "c")["k0000"].findings) == 3


def test_a_second_run_does_nothing_and_loads_nothing(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    fill(store, 2, 4)
    run(store, [column("a")])
    before = raw_files(tmp_path)
    assert run(store, [column("a", FakeStage(load_error="missing"))]).units_run == 0
    assert raw_files(tmp_path) == before


def test_a_changed_annotator_reruns_itself_only(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    fill(store, 2, 4)
    run(store, [column("a"), column("b")])
    changed = Column("b", "f1", (), FakeStage(), Resources())
    report = run(store, [column("a"), changed])
    assert [(one.name, one.units_run) for one in report.columns] == [("a", 0), ("b", 2)]
    assert sorted(committed(store, raw_folder("b", "f0"))) == ["000000", "000001"]


def test_one_bad_image_is_quarantined_and_blocks_only_itself(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    fill(store, 1, 16)
    report = run(store, [column("a", FakeStage(faults={"k0005": "raise"})), column("b", needs=["a"]), column("c")])
    [lost] = report.quarantined
    assert (lost.column, lost.key) == ("a", "k0005")
    assert lost.error == "error: ValueError: cannot look at k0005 (object at 0x?, pid ?)"
    assert [row.key for row in rows(store, "a").values() if row.status != "ok"] == ["k0005"]
    assert rows(store, "b")["k0005"] == RawRow("k0005", "blocked", "blocked: a failed")
    assert rows(store, "c")["k0005"].status == "ok"


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("item", "item: the answer for k0005 was cut off"),
        ("oom", "oom: MemoryError"),
        ("exit", "error: SystemExit: 0"),
        ("short", "error: ValueError: stage of a must give 1 lists of findings, gave 0"),
        ("nan", "item: a, finding 0: score must be a number in [0, 1], got nan"),
    ],
)
def test_the_rest_of_the_batch_is_as_if_nothing_had_happened(tmp_path: Path, fault: Fault, error: str) -> None:
    clean, store = LocalStore(tmp_path / "clean"), LocalStore(tmp_path / "faulty")
    for one in (clean, store):
        fill(one, 1, 16)
    run(clean, [column("a", resources=Resources(batch_size=16))])
    run(store, [column("a", FakeStage(faults={"k0005": fault}), resources=Resources(batch_size=16))])
    good = rows(clean, "a")
    good["k0005"] = RawRow("k0005", "failed", error)
    assert rows(store, "a") == good


def test_out_of_memory_halves_the_batch_for_good_and_loses_nothing(tmp_path: Path) -> None:
    single, store = LocalStore(tmp_path / "single"), LocalStore(tmp_path / "halved")
    for one in (single, store):
        fill(one, 2, 64)
    calls = tmp_path / "calls"
    stage = FakeStage(max_batch=8, calls=str(calls))
    report = run(store, [column("a", stage, resources=Resources(batch_size=32))])
    run(single, [column("a", resources=Resources(batch_size=1))])
    assert report.quarantined == []
    assert raw_files(tmp_path / "halved") == raw_files(tmp_path / "single")
    # 32 and 16 fail once each, and once more each for the batch that was waiting; every other one has 8: the second
    # shard is not tried with 32
    # again. And before all the first image is run alone
    assert len(calls.read_text().split()) == 1 + 2 * 32 + 2 * 16 + 2 * 64


def test_everything_fails_in_one_shard_within_the_budget(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    keys = fill(store, 4, 8)
    report = run(store, [column("a", FakeStage(faults=dict.fromkeys(keys[8:16], "raise")))], settings=LENIENT)
    assert [lost.key for lost in report.quarantined] == keys[8:16]
    assert committed(store, raw_folder("a", "f0"))["000001"].counts.failed == 8


def test_over_the_budget_the_run_stops_and_can_go_on(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    keys = fill(store, 8, 8)
    broken = FakeStage(faults=dict.fromkeys(keys[8:24], "raise"))
    with pytest.raises(FailureBudgetError, match=r"annotator a: 6 of 64 images failed, over the budget of 5.0%"):
        run(store, [column("a", broken)])
    done = committed(store, raw_folder("a", "f0"))
    assert "000000" in done
    assert len(done) < 8
    report = run(store, [column("a")])
    assert (report.units_run, report.quarantined) == (8 - len(done), [])


def test_an_annotator_that_can_do_no_more_ends_the_run_and_blames_no_image(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    keys = fill(store, 4, 8)
    broke = FakeStage(faults={keys[17]: "stop"})
    wanted = r"annotator a: openai: no credit .* HTTP 402: Insufficient Balance. No image is to blame: finished"
    with pytest.raises(RunStopError, match=wanted):
        run(store, [column("a", broke)], settings=LENIENT)
    done = committed(store, raw_folder("a", "f0"))
    assert done
    assert sum(manifest.counts.failed for manifest in done.values()) == 0
    report = run(store, [column("a")])
    assert (report.units_run, report.quarantined) == (4 - len(done), [])


def test_failures_of_finished_shards_still_count_in_the_next_run(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    keys = fill(store, 4, 8)
    run(store, [column("a", FakeStage(faults=dict.fromkeys(keys[:8], "raise")))], settings=LENIENT)
    with pytest.raises(FailureBudgetError, match="8 of 32 images failed"):
        run(store, [column("a")])
    assert run(store, [column("a")], retry=True).quarantined == []


def test_retry_runs_only_what_failed_and_what_it_blocked(tmp_path: Path) -> None:
    clean, store = LocalStore(tmp_path / "clean"), LocalStore(tmp_path / "retried")
    for one in (clean, store):
        fill(one, 3, 8)
    calls = tmp_path / "calls"

    def columns(stage: FakeStage) -> list[Column]:
        return [column("a", stage), column("b", FakeStage(calls=str(calls)), needs=["a"]), column("c")]

    run(clean, columns(FakeStage()))
    run(store, columns(FakeStage(faults={"k0003": "raise", "k0020": "item"})))
    calls.unlink()
    report = run(store, columns(FakeStage()), retry=True)
    assert [(one.name, one.units_run) for one in report.columns if one.units_run] == [("a", 2), ("b", 2)]
    assert sorted(calls.read_text().split()) == ["k0003", "k0020"]
    assert raw_files(tmp_path / "retried") == raw_files(tmp_path / "clean")


def test_skipped_and_failed_images_have_no_rows_and_come_in_when_they_are_wanted(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    good = ImageRow("good", "", sha256="0", width=8, height=6, ext="png")
    twin = ImageRow("twin", "", sha256="0", width=8, height=6, ext="png")
    bad = ImageRow("bad", "", status="failed", stage="decode", error="truncated")
    write_images(store, "000000", [(good, png(1)), (bad, None), (twin, png(1))])
    columns = [column("a"), column("b", needs=["a"])]
    run(store, columns, skip={"twin": "exact duplicate of good"})
    assert list(rows(store, "a")) == ["good"]
    assert run(store, columns, skip={"twin": "exact duplicate of good"}).units_run == 0
    calls = tmp_path / "calls"
    assert run(store, [column("a", FakeStage(calls=str(calls))), column("b", needs=["a"])]).units_run == 2
    assert calls.read_text().split() == ["twin"]
    assert list(rows(store, "b")) == ["good", "twin"]


def test_a_stage_that_cannot_be_loaded_ends_the_run_with_its_own_words(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    fill(store, 1, 4)
    with pytest.raises(StartError, match=r"^annotator a: detector needs weights nobody\.pt: run `fld doctor`$"):
        run(store, [column("a", FakeStage(load_error="missing"))])


def test_what_the_next_column_hears_is_what_is_on_disk(tmp_path: Path) -> None:
    """A resumed run reads the needed column back; an uninterrupted one has it in memory."""
    store, resumed = LocalStore(tmp_path / "one"), LocalStore(tmp_path / "two")
    for one in (store, resumed):
        fill(one, 2, 6)
    run(store, [column("a"), column("b", needs=["a"])])
    run(resumed, [column("a")])
    run(resumed, [column("a"), column("b", needs=["a"])])
    assert raw_files(tmp_path / "one") == raw_files(tmp_path / "two")


def test_a_corpus_behind_a_url(tmp_path: Path) -> None:
    store = open_store("memory://engine-annotate")
    fill(store, 2, 4)
    assert annotate(store, [column("a")], {}, LOCAL, Silent()).units_run == 2
    assert annotate(store, [column("a")], {}, LOCAL, Silent()).units_run == 0


def test_a_column_that_nothing_could_be_written_for_ends_the_run(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    fill(store, 1, 4)
    write_raw(store, "other", "f0", "000000", [RawRow("k0000")])

    def full(descriptor: int, chunks: object) -> int:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left on device"):
        run(LocalStore(tmp_path, writev=full), [column("a")])
    assert committed(store, raw_folder("a", "f0")) == {}


def test_calls_of_a_slow_model_hold_few_images(tmp_path: Path) -> None:
    """0.1 s an image and 1.2 s for a call: three at a time. A call of more than four would fail, and run again. No
    image runs twice: the first one's answer is kept."""
    store, calls = LocalStore(tmp_path / "slow"), tmp_path / "calls"
    fill(store, 1, 16)
    stage = FakeStage(delay_s=0.1, max_batch=4, calls=str(calls))
    report = run(store, [column("a", stage, resources=Resources(batch_size=16, timeout_s=1.2))])
    assert report.quarantined == []
    assert len(calls.read_text().split()) == 16


def test_a_key_that_is_not_there_is_told_before_anything_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, calls = LocalStore(tmp_path / "paid"), tmp_path / "calls"
    fill(store, 1, 2)
    told = replace(column("b", FakeStage()), secrets=("FLD_TEST_KEY",))
    monkeypatch.delenv("FLD_TEST_KEY", raising=False)
    with pytest.raises(MissingRequirementError, match=r"annotators\.b: the environment variable FLD_TEST_KEY holds no"):
        run(store, [column("a", FakeStage(calls=str(calls))), told])
    assert not calls.exists()
    monkeypatch.setenv("FLD_TEST_KEY", "k")
    run(store, [column("a", FakeStage(calls=str(calls))), told])
    monkeypatch.delenv("FLD_TEST_KEY")
    assert run(store, [column("a", FakeStage()), told]).units_run == 0, "what is done needs no key"


def test_a_paid_annotator_is_asked_for_every_image_once(tmp_path: Path) -> None:
    store, calls = LocalStore(tmp_path / "paid"), tmp_path / "calls"
    fill(store, 1, 16)
    run(store, [replace(column("a", FakeStage(calls=str(calls))), is_paid=True)])
    assert len(calls.read_text().split()) == 16
