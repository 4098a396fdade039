import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from shards.record import Candidate, Record, Region, Source
from stages.evaluate.bootstrap import Estimate
from tests.experiments.dusk import at_dusk
from tests.experiments.rounds import thinned
from tests.experiments.running import fld, half_given, table


def test_every_second_picture_keeps_its_careless_labels(tmp_path: Path) -> None:
    lines = [{"uri": f"{i}.jpg", "given": [{"kind": "object"}]} for i in range(3)]
    (tmp_path / "noisy.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))

    half = [json.loads(line) for line in half_given(tmp_path).read_text().splitlines()]

    assert [line["uri"] for line in half] == ["0.jpg", "1.jpg", "2.jpg"]
    assert ["given" in line for line in half] == [True, False, True]


def test_dusk_takes_the_light_and_leaves_the_labels(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    Image.new("RGB", (32, 24), (200, 200, 200)).save(tmp_path / "images" / "a.png")
    line = {"uri": "images/a.png", "key": "000007", "given": [{"kind": "object"}]}
    (tmp_path / "half.jsonl").write_text(json.dumps(line) + "\n")

    [shown] = [json.loads(each) for each in at_dusk(tmp_path, tmp_path / "half.jsonl").read_text().splitlines()]

    assert shown == {**line, "uri": "dusk/000007.jpg"}
    with Image.open(tmp_path / shown["uri"]) as picture:
        red, green, blue = np.asarray(picture, dtype=np.float64).reshape(-1, 3).mean(axis=0)
    assert (red, green, blue) == pytest.approx((108, 118, 148), abs=2)


def test_a_table_has_what_was_measured_and_a_star_beyond_the_interval() -> None:
    columns = {
        "raw": {"f1": Estimate(0.5, 0.4, 0.6, 9), "map": Estimate(float("nan"), 0, 0, 0)},
        "kept": {"f1": Estimate(-0.25, -0.3, 0.1, 9)},
    }

    assert table(columns, {"f1": "F1", "map": "AP"}).splitlines() == [
        "|  | raw | kept |",
        "| --- | --- | --- |",
        "| F1 | 0.500 (0.400 - 0.600) | -0.250 (-0.300 - 0.100) |",
    ]
    assert "+0.500 (+0.400 to +0.600) * | -0.250 (-0.300 to +0.100) |" in table(columns, {"f1": "F1"}, signed=True)


def test_a_detector_at_a_threshold_loses_what_is_below() -> None:
    named = [Candidate("phrase", "dog", None, Source("d", "", 0, None, ""))]
    regions = [Region(f"r{i}", "object", (0, 0, 9, 9), score, named, 0, []) for i, score in enumerate((0.2, 0.5, 0.9))]

    kept = thinned(Record("k", "", "", 9, 9, 0, [], regions), 0.5)

    assert [region.id for region in kept.regions] == ["r1", "r2"]


def test_a_command_that_fails_ends_the_experiment() -> None:
    with pytest.raises(subprocess.CalledProcessError, match="nothing-such"):
        fld("nothing-such")
