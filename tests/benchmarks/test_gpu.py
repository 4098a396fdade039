"""The benchmark for a GPU runs where there is none, with tiny checkpoints: it must not be broken when one comes."""

import numpy as np
import pytest

from tests.benchmarks.bench_gpu import distance, models
from tests.benchmarks.gpu_models import MODELS


@pytest.mark.parametrize("name", ["clip-vit-b32", pytest.param("florence2-base", marks=pytest.mark.slow)])
def test_a_model_has_a_row_and_answers_as_on_the_cpu(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    models(next(model for model in MODELS if model.name == name), "tiny", "cpu")
    row = capsys.readouterr().out.splitlines()[-1].strip("| ").split(" | ")
    assert row[:2] == [name, "float32"]
    assert float(row[2].removesuffix("/s")) > 0
    assert float(row[6]) > 0
    assert row[8] == "0.0000"


def test_answers_of_other_lengths_are_far_from_each_other() -> None:
    first = [np.array([0.5, 0.25]), np.zeros(0)]
    assert distance(first, [np.array([0.5, 0.5]), np.zeros(0)]) == 0.25
    assert distance(first, [np.array([0.5]), np.zeros(0)]) == 1.0
