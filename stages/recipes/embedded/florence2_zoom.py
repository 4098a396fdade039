"""The later phases of florence2-nano: parts of scenes, magnified, beside whole ones.

    python -m stages.recipes.embedded.florence2_zoom --cache CACHE --run RUN --start CHECKPOINT --out OUT

After two phases the model found 81% of the largest quarter of all objects and 11% of the smallest: 192 pixels hold too
little of a small thing. A detector that also looks at parts of a picture (`tiles` of a Florence-2 detector) sees them
larger, if it knows such views: here parts of scenes are pictures of their own (florence2_parts.py). Everything else is
phase two's.

The third phase is plan `cpu`: one core, an hour. Plan `gpu` is for `--device cuda`: larger batches, other scenes, and
with `--stop-after-s` as many of its steps as the time allows, along a cosine that ends when the time does.
"""

import argparse
import json
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from stages.recipes.embedded.card import write_card
from stages.recipes.embedded.florence2_loading import load_scenes
from stages.recipes.embedded.florence2_nano import Florence2Recipe, RecipeTrainer
from stages.recipes.embedded.running import Deadline, device_name, note, recipe_parser, save_half, single_thread

THIRD = replace(Florence2Recipe(), scenes=6000, look_steps=0, cycles=(3000,))
FOURTH = replace(THIRD, seed=2, scenes=12000, cycles=(8000,), batch=96, close_batch=96)
"""On a GPU these small steps cost what it takes to launch them, and six times the pictures little more. The rates stay:
Muon's step does not grow with the batch, and a checkpoint at its end has more to lose than to win by larger ones."""
PLANS = {"cpu": (THIRD, 4000), "gpu": (FOURTH, 10000)}
"""Numbers and first scene: no phase sees the scenes of those before."""


@dataclass(frozen=True)
class Venue:
    """Where a phase runs. workers: processes that draw and load scenes; stop_after_s: when training ends, counted from
    `began` (time.monotonic), None: when its steps are done."""

    device: str = "cpu"
    workers: int = 1
    stop_after_s: float | None = None
    began: float = 0.0


def train(
    start: Path, cache: Path, folder: Path, out: Path, keep: int, plan: Florence2Recipe, first: int, machine: Venue
) -> None:
    """Run or continue the phase from the checkpoint `start` and save the averaged weights to `out`. first: number of
    the first scene."""
    single_thread()
    folder.mkdir(parents=True, exist_ok=True)
    loading = time.monotonic()
    trainer, processor = _trainer(start, cache, plan, first, machine)
    note(folder, phase="load", pictures=len(trainer.school), seconds=round(time.monotonic() - loading, 1))
    (folder / "plan.json").write_text(json.dumps(asdict(plan), indent=2) + "\n")
    begun = time.monotonic()
    deadline = None if machine.stop_after_s is None else Deadline(begun, machine.began + machine.stop_after_s)
    trainer.learn(keep, folder, sum(plan.cycles), deadline)
    save_half(trainer.mean, processor, out)
    parameters = sum(weights.numel() for weights in trainer.mean.parameters())
    before = json.loads((start / "card.json").read_bytes())
    where = _where(machine, trainer.step, plan, first, (time.monotonic() - begun) / 60)
    write_card(out, "stages.recipes.embedded.florence2_zoom", plan, folder, parameters, before, where)


def _trainer(start: Path, cache: Path, plan: Florence2Recipe, first: int, machine: Venue) -> tuple[RecipeTrainer, Any]:
    """The trainer with the weights of the checkpoint, and the processor. The device is touched when all is loaded."""
    import torch
    from transformers import AutoProcessor, Florence2ForConditionalGeneration

    if machine.device == "cuda":
        torch.set_float32_matmul_precision("high")
    loads: Any = AutoProcessor
    processor = loads.from_pretrained(start)
    school, close = load_scenes(
        cache, first, first + plan.scenes, processor.tokenizer, plan.seed, workers=machine.workers
    )
    trainer = RecipeTrainer(plan, processor, school, close, machine.device)
    begun: Any = Florence2ForConditionalGeneration.from_pretrained(start)
    trainer.model.load_state_dict(begun.float().state_dict())
    return trainer, processor


def _where(machine: Venue, done: int, plan: Florence2Recipe, first: int, minutes: float) -> dict[str, object]:
    """What the card says of a run that is not one core's: its device, its time and the steps that it came to."""
    if machine == Venue():
        return {}
    steps = f"{done:,} of at most {sum(plan.cycles):,} steps"
    fell = "." if machine.stop_after_s is None else ", along a cosine over the time that it had."
    note = f"{steps}{fell} Scenes from number {first:,} on, which the phases before did not see."
    return {"device": device_name(machine.device), "wall_minutes": round(minutes, 1), "note": note}


def main() -> None:
    """Command line of the phase."""
    began = time.monotonic()
    parser = recipe_parser(__doc__)
    parser.add_argument("--start", type=Path, required=True, help="folder of the checkpoint of the phases before")
    parser.add_argument("--keep", type=int, default=100, help="steps after which the state is kept")
    parser.add_argument("--plan", choices=PLANS, default="cpu")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--workers", type=int, default=1, help="processes that draw and load the scenes")
    parser.add_argument("--stop-after-s", type=float, help="seconds from now when training ends, at whatever step")
    parser.add_argument("--steps", type=int, help="instead of the plan's")
    parser.add_argument("--scenes", type=int, help="instead of the plan's")
    chosen = parser.parse_args()
    plan, first = _planned(chosen)
    machine = Venue(chosen.device, chosen.workers, chosen.stop_after_s, began if chosen.stop_after_s else 0.0)
    train(chosen.start, chosen.cache, chosen.run, chosen.out, chosen.keep, plan, first, machine)


def _planned(chosen: argparse.Namespace) -> tuple[Florence2Recipe, int]:
    plan, first = PLANS[chosen.plan]
    cycles = plan.cycles if chosen.steps is None else (chosen.steps,)
    return replace(plan, cycles=cycles, scenes=chosen.scenes or plan.scenes), first


if __name__ == "__main__":
    main()
