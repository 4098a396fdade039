import pytest

from stages.evaluate.report import AREAS, markdown, measure_records
from tests.stages.evaluate.records import record, thing

CAT = thing("cat", (10.0, 10.0, 30.0, 30.0))


def test_a_gold_image_without_prediction_counts_as_missed() -> None:
    found = measure_records([record("a", CAT)], [record("a", CAT), record("b", CAT)], resamples=0)

    assert found["boxes/recall"].value == 0.5


def test_all_areas_are_there_unless_chosen() -> None:
    gold = [record("a", CAT, brief="a cat")]

    assert {name.split("/")[0] for name in measure_records(gold, gold, resamples=0)} == set(AREAS)
    assert {name.split("/")[0] for name in measure_records(gold, gold, 0, ["masks"])} == {"masks"}


def test_markdown_has_a_row_per_measure() -> None:
    table = measure_records([record("a", CAT)], [record("a", CAT)], 0, ["boxes"])

    assert "| boxes/map50 | 1.000 | 1.000 - 1.000 | 1 |" in markdown(table)


@pytest.mark.parametrize(
    ("predicted", "gold", "message"),
    [
        ([], [], "gold must hold at least one record"),
        (["a", "a"], ["a"], "predicted must hold every key once, got 'a' twice"),
        (["b"], ["a"], "1 have none, such as 'b'"),
    ],
)
def test_what_cannot_be_compared_is_refused(predicted: list[str], gold: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        measure_records([record(key) for key in predicted], [record(key) for key in gold])
