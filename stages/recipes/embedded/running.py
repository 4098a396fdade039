"""What the recipes share: a command line, one thread, a loop of optimizer steps, a log, weights on disk."""

import argparse
import copy
import json
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from stages.retrain.schedule import average_into, falling

log = logging.getLogger("recipes")


@dataclass(frozen=True)
class NanoRecipe:
    """The numbers of a recipe. rate: the highest one; ema: how much of the averaged weights stays at a step."""

    seed: int
    scenes: int
    steps: int
    batch: int
    rate: float
    ema: float


class Steps(Protocol):
    """The numbers of a recipe that its loop needs. ema: how much of the averaged weights stays at a step."""

    @property
    def steps(self) -> int: ...
    @property
    def rate(self) -> float: ...
    @property
    def ema(self) -> float: ...


def recipe_parser(description: str | None) -> argparse.ArgumentParser:
    """--cache (scenes), --run (the log) and --out (the checkpoint), all folders. The log goes to standard error."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, required=True, help="folder of drawn scenes")
    parser.add_argument("--run", type=Path, required=True, help="folder of the log, and of a state to go on from")
    parser.add_argument("--out", type=Path, required=True, help="folder of the checkpoint")
    return parser


def device_name(device: str) -> str:
    """The card's name for a GPU."""
    import torch

    return str(torch.cuda.get_device_name(0)) if device == "cuda" else device


def single_thread() -> None:
    """Two threads made these small steps slower, not faster, on a shared machine."""
    import torch

    torch.set_num_threads(1)


@dataclass(frozen=True)
class Deadline:
    """When a training has to end: between `began` and `ends` of the clock, in seconds, lies all of its schedule."""

    began: float
    ends: float
    clock: Callable[[], float] = time.monotonic

    def place(self, done: int, steps: int) -> int:
        """Where the schedule of `steps` is: at the steps that are done or, if that is further, where the time is."""
        if self.clock() >= self.ends:
            return steps
        return max(done, int(steps * (self.clock() - self.began) / (self.ends - self.began)))


class Hybrid:
    """Muon (Jordan 2024; torch.optim) for the matrices of hidden layers, AdamW for embeddings, convolutions, norms and
    the given heads. On the vision tower of florence2-nano it came in 150 steps to the loss that AdamW had after 225."""

    def __init__(self, body: Iterable[tuple[str, Any]], heads: Iterable[Any], rate: float, muon_rate: float) -> None:
        import torch

        body = [(name, weight) for name, weight in body if weight.requires_grad]
        hidden = [weight for name, weight in body if weight.ndim == 2 and "embed" not in name and "shared" not in name]
        inner = {id(weight) for weight in hidden}
        others = [weight for _, weight in body if id(weight) not in inner] + list(heads)
        muon: Any = torch.optim.Muon(hidden, lr=muon_rate, momentum=0.95, weight_decay=0.01, adjust_lr_fn="original")
        adamw = torch.optim.AdamW(others, lr=rate, betas=(0.9, 0.98), weight_decay=0.01)
        self._parts = ((muon, muon_rate), (adamw, rate))
        self.weights = hidden + others

    def update(self, loss: Any, share: float) -> None:
        """One step with `share` of both rates."""
        import torch

        for optimizer, _ in self._parts:
            optimizer.zero_grad(set_to_none=True)
        _backward(loss)
        torch.nn.utils.clip_grad_norm_(self.weights, 1.0)
        for optimizer, rate in self._parts:
            for group in optimizer.param_groups:
                group["lr"] = rate * share
            optimizer.step()

    def state_dict(self) -> dict[str, Any]:
        """Of both optimizers."""
        muon, adamw = (optimizer.state_dict() for optimizer, _ in self._parts)
        return {"muon": muon, "adamw": adamw}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Of both optimizers."""
        for (optimizer, _), name in zip(self._parts, ("muon", "adamw"), strict=True):
            optimizer.load_state_dict(state[name])


def update(loss: Any, weights: list[Any], optimizer: Any, rate: float, clip: float = 1.0) -> None:
    """One optimizer step on `weights`. Raises FloatingPointError for a loss that is no number."""
    import torch

    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.zero_grad(set_to_none=True)
    _backward(loss)
    torch.nn.utils.clip_grad_norm_(weights, clip)
    optimizer.step()


def averaged(model: Any, loss_of: Callable[[], Any], optimizer: Any, plan: Steps, run: Path, clip: float = 1.0) -> Any:
    """The averaged weights of `plan.steps` steps at a falling rate. loss_of: the loss of the next batch."""
    mean = copy.deepcopy(model).eval()
    for step in range(plan.steps):
        loss = loss_of()
        update(loss, list(model.parameters()), optimizer, plan.rate * falling(step, plan.steps), clip)
        average_into(mean, model, step, plan.ema)
        if step % 50 == 0:
            note(run, step=step, loss=loss.item())
    return mean


def save_half(model: Any, processor: Any, out: Path) -> None:
    """The checkpoint in `save_pretrained` form, weights in half precision."""
    processor.tokenizer.backend_tokenizer.no_truncation()
    processor.tokenizer.backend_tokenizer.no_padding()
    copy.deepcopy(model).cpu().half().save_pretrained(out)
    processor.save_pretrained(out)


def _backward(loss: Any) -> None:
    import torch

    if not torch.isfinite(loss):
        raise FloatingPointError(f"loss must be finite, got {loss.item()}: lower the learning rate")
    loss.backward()


def note(folder: Path, **facts: float | str) -> None:
    """A line of the run's log: facts and the processor seconds so far."""
    folder.mkdir(parents=True, exist_ok=True)
    line = json.dumps(facts | {"cpu_s": round(time.process_time(), 1)})
    log.info(line)
    with (folder / "log.jsonl").open("a") as file:
        file.write(line + "\n")
