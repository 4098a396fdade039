from typing import Any

import numpy as np
import pytest
import torch

from specialists.ultralytics_yolo import read_checkpoint
from specialists.weights import locate
from stages.retrain.student_doubts import LEVELS, SKIPPED, Doubts, all_names, by_class, criterion
from stages.retrain.student_settings import StudentSettings

SIDE = 64


def test_what_the_settings_mean() -> None:
    assert Doubts.of(StudentSettings()) == Doubts("teach", 0.5)
    assert Doubts.of(StudentSettings(doubtful="weigh")) == Doubts("weigh", 1.0)
    assert Doubts.of(StudentSettings(doubtful="skip")) == Doubts("skip", 0.5)
    assert Doubts.of(StudentSettings(doubtful="skip", sure=0.3)) == Doubts("skip", 0.3)


def test_what_would_say_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match=r"sure=0\.3 says nothing without doubtful: weigh or skip"):
        StudentSettings(sure=0.3)


def test_levels() -> None:
    assert [Doubts("teach", 1.0).level(score) for score in (0.0, 1.0)] == [0, 0]
    assert [Doubts("weigh", 1.0).level(score) for score in (0.0, 0.5, 0.97, 1.0)] == [LEVELS, 10, 1, 0]
    assert [Doubts("weigh", 0.5).level(score) for score in (0.4, 0.5)] == [12, 0]
    assert [Doubts("skip", 0.5).level(score) for score in (0.49, 0.5)] == [SKIPPED, 0]


def test_numbers_of_all_levels_have_names_and_are_counted_by_class() -> None:
    names = all_names({0: "cat", 1: "dog"})
    assert len(names) == 2 * (SKIPPED + 1)
    assert (names[1], names[2], names[2 * SKIPPED + 1]) == ("dog", "cat 1", f"dog {SKIPPED}")
    assert by_class(np.array([3, 1, 2, 0, 1], np.float32), 2).tolist() == [6.0, 1.0]


def model() -> torch.nn.Module:
    read = read_checkpoint(locate("test", "embedded:yolo-nano", None) / "yolo-nano.pt")
    found: torch.nn.Module = read.get("ema") or read["model"]
    found = found.float().train()
    found.args = type("Gains", (), {"box": 7.5, "cls": 0.5, "dfl": 1.5})()
    return found


def gradients(boxes: list[tuple[int, int, tuple[float, float, float, float]]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Of the loss by scores (classes, cells) and by distances (4 * bins, cells), with boxes as (level, class, xywh)."""
    network = model()
    classes = int(network.model[-1].nc)  # type: ignore[union-attr,index]
    torch.manual_seed(0)
    said = network(torch.rand(1, 3, SIDE, SIDE))
    for name in ("scores", "boxes"):
        said[name].retain_grad()
    batch = {
        "batch_idx": torch.zeros(len(boxes)),
        "cls": torch.tensor([[label + level * classes] for level, label, _ in boxes], dtype=torch.float32).view(-1, 1),
        "bboxes": torch.tensor([box for _, _, box in boxes], dtype=torch.float32).view(-1, 4),
    }
    total, _ = criterion(network, 0)(said, batch)
    total.sum().backward()
    return said["scores"].grad[0], said["boxes"].grad[0]


BOX = (0.5, 0.5, 0.4, 0.4)


@pytest.fixture(scope="module")
def sure() -> tuple[torch.Tensor, torch.Tensor]:
    return gradients([(0, 2, BOX)])


def test_a_skipped_label_asks_for_nothing_where_it_lies(sure: tuple[torch.Tensor, torch.Tensor]) -> None:
    where = sure[1].abs().sum(0) > 0
    assert 0 < where.sum() < where.numel()
    scores, distances = gradients([(SKIPPED, 2, BOX)])
    assert not scores[:, where].any()
    assert scores[:, ~where].all()  # background is taught elsewhere
    assert not distances.any()


def test_a_label_pulls_as_much_as_it_weighs(sure: tuple[torch.Tensor, torch.Tensor]) -> None:
    where = sure[1].abs().sum(0) > 0
    scores, distances = gradients([(LEVELS // 2, 2, BOX), (0, 1, (0.15, 0.15, 0.2, 0.2))])
    both, _ = gradients([(0, 2, BOX), (0, 1, (0.15, 0.15, 0.2, 0.2))])
    assert distances[:, where].any()
    assert (scores[2, where] > both[2, where]).all()  # the score is to rise less


def test_a_label_worth_nothing_is_background() -> None:
    nothing, distances = gradients([(LEVELS, 2, BOX)])
    empty, _ = gradients([])
    torch.testing.assert_close(nothing, empty)
    assert not distances.any()


def test_models_with_two_heads_go_on_where_they_were() -> None:
    from ultralytics.nn import tasks

    library: Any = tasks
    network = library.DetectionModel("yolo26n.yaml", nc=3, verbose=False).train()
    network.args = type("Gains", (), {"box": 7.5, "cls": 0.5, "dfl": 1.5, "epochs": 10})()
    fresh, resumed = criterion(network, 0), criterion(network, 4)
    assert (fresh.updates, resumed.updates) == (0, 4)
    assert resumed.o2m < fresh.o2m
    batch = {"batch_idx": torch.zeros(1), "cls": torch.tensor([[2.0 + 3 * SKIPPED]]), "bboxes": torch.tensor([BOX])}
    _, parts = fresh(network(torch.rand(1, 3, SIDE, SIDE)), batch)
    assert parts["box_loss"] == 0
    assert parts["cls_loss"] > 0
