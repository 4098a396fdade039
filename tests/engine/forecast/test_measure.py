"""How much of the sample a slow annotator is run on."""

from pathlib import Path

from engine.forecast.measure import SampleTask, measure
from shards.images import read_image_rows
from shards.store import LocalStore
from stages.annotate.resources import Resources
from tests.engine.fakes import FakeStage, column, fill


def test_a_slow_annotator_is_run_twice_and_not_in_larger_batches(tmp_path: Path) -> None:
    """Once to be warm, which takes all the time there is for the search, and once for the rest."""
    store, calls = LocalStore(tmp_path), tmp_path / "calls"
    fill(store, 1, 8)
    rows = [("000000", row) for row in read_image_rows(store, "000000")]
    slow = column("a", FakeStage(delay_s=0.5, calls=str(calls)), resources=Resources(batch_size=16))
    task = SampleTask(store, slow, rows, {}, frozenset(range(8)), 1.0, 1, is_limited=False)
    measured, said = measure(task)
    assert calls.read_text().split() == ["k0000", "k0000"]
    assert (measured.batch_size, measured.images, [*said]) == (1, 1, [0])
    assert 0 < measured.rate <= 2
