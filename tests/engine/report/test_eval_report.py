from io import StringIO

from rich.console import Console

from engine.report.eval_report import Measured, as_json, changed, round_tables, rounds_tables, with_changes
from stages.evaluate.bootstrap import Estimate, interval


def measured(value: float) -> Measured:
    import numpy as np

    there = interval(value, value + np.linspace(-0.01, 0.01, 21), 9)
    nothing = Estimate(float("nan"), float("nan"), float("nan"), 0)
    kept = {"boxes/recall": there, "words/cer": nothing}
    raw = {"boxes/recall": interval(0.2, 0.2 + np.linspace(-0.01, 0.01, 21), 9)}
    return with_changes({"stages": {"raw": raw, "kept": kept}, "annotators": {"yolo": raw, "ocr": {}}})


def printed(lines: list[object]) -> str:
    into = StringIO()
    console = Console(file=into, width=200)
    for line in lines:
        console.print(line)
    return into.getvalue()


def test_the_round_is_compared_with_what_was_said_and_with_each_annotator() -> None:
    found = measured(0.5)
    assert list(found["changes"]) == ["kept - raw", "kept - yolo"]
    said = printed(list(round_tables(found)))
    assert "+0.30 (+0.30 - +0.30) *" in said
    assert "words/cer" not in said


def test_rounds_stand_side_by_side_and_differ_from_the_first() -> None:
    said = printed(list(rounds_tables({0: measured(0.5), 2: measured(0.4)})))
    assert "round 2 - round 0" in said
    assert "-0.10 (-0.10 - -0.10) *" in said
    assert "Changes" not in printed(list(rounds_tables({0: measured(0.5)})))


def test_what_is_no_number_is_null_in_json_and_has_no_change() -> None:
    plain = as_json({0: measured(0.5)})["0"]
    assert isinstance(plain, dict)
    assert plain["stages"]["kept"]["words/cer"] == {"value": None, "low": None, "high": None, "count": 0}
    kept = measured(0.5)["stages"]["kept"]
    assert set(changed(kept, kept)) == {"boxes/recall"}
