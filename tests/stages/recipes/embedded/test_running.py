import copy

import pytest
import torch
from torch import nn

from stages.recipes.embedded.running import Deadline, Hybrid


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.embed = nn.Embedding(5, 4)
        self.hidden = nn.Linear(4, 4)

    def forward(self) -> torch.Tensor:
        hidden: torch.Tensor = self.hidden(self.embed.weight)
        return hidden.square().mean()


def trained(model: Small, head: nn.Parameter, steps: int, optimizer: Hybrid) -> list[torch.Tensor]:
    for _ in range(steps):
        optimizer.update(model() + head.square().sum(), share=0.5)
    return [weight.detach().clone() for weight in [*model.parameters(), head]]


def made() -> tuple[Small, nn.Parameter, Hybrid]:
    model, head = Small(), nn.Parameter(torch.ones(2, 2))
    return model, head, Hybrid(model.named_parameters(), [head], rate=0.01, muon_rate=0.02)


def test_both_optimizers_move_their_weights() -> None:
    model, head, optimizer = made()
    before = [weight.detach().clone() for weight in [*model.parameters(), head]]

    after = trained(model, head, 1, optimizer)

    assert len(optimizer.weights) == 4
    assert all(not torch.equal(old, new) for old, new in zip(before, after, strict=True))
    # Muon's step on a matrix has all singular values near its rate, whatever the gradient's size; AdamW's is its rate.
    step = torch.linalg.svdvals(after[1] - before[1])
    assert step.max() == pytest.approx(0.01, rel=0.5)
    assert step.min() > 0.3 * step.max()
    assert (after[3] - before[3]).abs().max() == pytest.approx(0.005, rel=0.1)


def test_a_kept_state_goes_on_alike() -> None:
    model, head, optimizer = made()
    trained(model, head, 3, optimizer)
    state = copy.deepcopy(optimizer.state_dict())
    other, other_head, fresh = made()
    other.load_state_dict(model.state_dict())
    other_head.data.copy_(head)
    fresh.load_state_dict(state)

    alike = zip(trained(model, head, 2, optimizer), trained(other, other_head, 2, fresh), strict=True)

    assert all(torch.equal(one, two) for one, two in alike)


def test_a_loss_that_is_no_number_ends_the_run() -> None:
    model, _, optimizer = made()

    with pytest.raises(FloatingPointError, match="loss must be finite, got nan: lower the learning rate"):
        optimizer.update(model() * float("nan"), share=1.0)


def test_a_schedule_is_where_its_steps_are_or_its_time_is() -> None:
    times = {"now": 100.0}
    deadline = Deadline(began=100.0, ends=300.0, clock=lambda: times["now"])

    places = []
    for times["now"], done in [(100.0, 0), (200.0, 30), (200.0, 70), (300.0, 90), (400.0, 95)]:
        places.append(deadline.place(done, 100))

    assert places == [0, 50, 70, 100, 100]


def test_a_deadline_before_the_beginning_leaves_no_step() -> None:
    assert Deadline(began=100.0, ends=90.0, clock=lambda: 100.0).place(0, 10) == 10
