import numpy as np
import pytest

from shards.finding import Box
from shards.record import Candidate, Record, Region, Source
from stages.recipes.embedded.florence2_dense import COLOUR_NAMES, PARTS, build_head, cell_answers, dense_loss
from stages.scenes.kinds import NAMES

SOURCE = Source("gold", "", 0, None, "")


def region(phrase: str, box: Box) -> Region:
    candidates = [Candidate("phrase", "", None, SOURCE), Candidate("brief", phrase, None, SOURCE)]
    return Region("r", "object", box, 1.0, candidates, 1, [])


def record(*things: tuple[str, Box]) -> Record:
    return Record("k", "", "", 200, 100, 0, [], [region(phrase, box) for phrase, box in things])


def test_cells_inside_a_box_say_what_it_is() -> None:
    cells = cell_answers(record(("a large striped red fish", (40.0, 20.0, 100.0, 60.0))), grid=10)

    assert cells[:, :, 0].sum() == 3 * 4
    assert cells[2:6, 2:5, 0].all()
    fish, red, striped, large = NAMES.index("fish"), COLOUR_NAMES.index("red"), 1, 2
    assert cells[3, 3].tolist() == pytest.approx([1, fish, red, striped, large, 0.2, 0.2, 0.5, 0.6])


def test_a_thing_between_cell_centres_takes_the_nearest_cell() -> None:
    cells = cell_answers(record(("a small blue cup", (41.0, 21.0, 47.0, 24.0))), grid=10)

    assert np.argwhere(cells[:, :, 0]).tolist() == [[2, 2]]


def test_a_small_thing_before_a_large_one_keeps_its_cells() -> None:
    cells = cell_answers(
        record(("a red cup", (40.0, 20.0, 60.0, 30.0)), ("a large red house", (0.0, 0.0, 200.0, 100.0))), 10
    )

    assert cells[2, 2, 1] == NAMES.index("cup")
    assert cells[0, 0, 1] == NAMES.index("house")


def test_the_loss_falls_when_the_answer_is_right() -> None:
    import torch

    truth = torch.from_numpy(cell_answers(record(("a red fish", (0.0, 0.0, 200.0, 100.0))), 4)).reshape(1, 16, 9)
    output = torch.zeros(1, 16, 1 + sum(PARTS) + 4)
    guess = dense_loss(output, truth)
    output[..., 0] = 8
    output[..., 1 + NAMES.index("fish")] = 8

    assert dense_loss(output, truth) < guess
    assert build_head(8)(torch.zeros(2, 8)).shape == (2, 1 + sum(PARTS) + 4)
